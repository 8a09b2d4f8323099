// What the other modules share: the form, the message of the page, and the list of images as the server has it.

export const form = document.getElementById("upload");
export const input = document.getElementById("files");
const status = document.getElementById("status");
const undo = document.getElementById("undo");

/** Say something, also to those who do not see the page. No other part of it is announced. */
export function say(category, text) {
  const line = document.createElement("p");
  line.className = category;
  line.textContent = text;
  status.replaceChildren(line);
  if (!undo.contains(document.activeElement)) {
    // it belongs to the message before
    undo.replaceChildren();
  }
}

export function count(number, thing = "image") {
  return `${number.toLocaleString("en")} ${thing}${number === 1 ? "" : "s"}`;
}

/** What there is to say if the network is why a request failed; else nothing. */
export function whyLost(error) {
  if (!navigator.onLine) {
    return "You are offline.";
  }
  // that is what fetch throws for all that fails below HTTP
  return error instanceof TypeError ? "The gallery does not answer." : "";
}

/** Request a page of the gallery, and show its images instead of those of this page. What has the focus keeps it. */
export async function load(url, options) {
  const answer = await fetch(url, options);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("photos");
  if (!fresh) {
    throw new Error(`${url} answers ${answer.status}`);
  }
  const photos = document.getElementById("photos");
  const focused = photos.contains(document.activeElement) ? document.activeElement : null;
  const images = document.importNode(fresh, true);
  photos.replaceWith(images);
  if (focused) {
    [...images.querySelectorAll("a, button")].find((each) => each.isEqualNode(focused))?.focus();
  }
  form.elements.token.value = page.querySelector("#upload [name=token]").value;
  return page;
}

/** Show the message of another page, with its button. What is to be said of an upload that goes on, or waits, stays. */
export function report(page) {
  const goesOn = document.querySelector("#transfer:not([hidden]), #again:not([hidden])");
  for (const id of goesOn ? ["status", "undo"] : ["status", "undo", "refused"]) {
    const { childNodes } = document.importNode(page.getElementById(id), true);
    document.getElementById(id).replaceChildren(...childNodes);
  }
}
