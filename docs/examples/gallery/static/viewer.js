// Shows the images of this page in a dialog: arrow keys, Home, End and Escape work, and the image that was shown last
// has the focus afterwards. The browser keeps the focus inside of a dialog.

import { whyLost } from "./page.js";

const viewer = document.getElementById("viewer");
const [image, name, place, original, failed] = ["img", "bdi", "h2 span", "a", ".failed"].map((each) =>
  viewer.querySelector(each),
);
const previous = viewer.querySelector(".previous");
const next = viewer.querySelector(".next");

let opened = 0;
let shown = 0;

const links = () => [...document.querySelectorAll("#photos .photo")];

function show(index) {
  const all = links();
  if (!all[index]) {
    return;
  }
  shown = index;
  const link = all[index];
  name.textContent = image.alt = link.querySelector(".name").textContent;
  place.textContent = `${index + 1} of ${all.length}`;
  failed.textContent = "";
  // the image before must not stay under the new name
  image.removeAttribute("src");
  image.src = original.href = link.href;
  // a disabled button would lose the focus
  previous.ariaDisabled = index === 0;
  next.ariaDisabled = index === all.length - 1;
  if (all[index + 1]) {
    new Image().src = all[index + 1].href;
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("#photos .photo");
  if (link && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)) {
    event.preventDefault();
    opened = links().indexOf(link);
    show(opened);
    viewer.showModal();
  }
});

const isRightToLeft = () => getComputedStyle(viewer).direction === "rtl";

viewer.addEventListener("keydown", (event) => {
  const forward = isRightToLeft() ? -1 : 1;
  const goals = { ArrowRight: shown + forward, ArrowLeft: shown - forward, Home: 0, End: links().length - 1 };
  if (event.key in goals) {
    event.preventDefault();
    show(goals[event.key]);
  }
});

previous.addEventListener("click", () => show(shown - 1));
next.addEventListener("click", () => show(shown + 1));
viewer.addEventListener("click", ({ target, detail }) => {
  // the space around the image, but not with the second click of those who open it by two; or the button
  if ((target === viewer && detail < 2) || target.closest(".close")) {
    viewer.close();
  }
});

image.addEventListener("error", () => {
  failed.textContent = `${whyLost()} This image cannot be shown.`.trim();
});
viewer.addEventListener("close", () => {
  // unless it is open again by now
  if (!viewer.open) {
    image.removeAttribute("src");
    // the browser has given the focus back to the image that was opened; by now, the user may be elsewhere
    if (shown !== opened) {
      links()[shown]?.focus();
    }
  }
});
