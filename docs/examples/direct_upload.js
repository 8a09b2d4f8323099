async function upload(file) {
  const asked = await fetch("/uploads", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: file.name }),
  });
  if (!asked.ok) {
    throw new Error("This file is not taken.");
  }
  const { url, method, fields, headers } = await asked.json();
  let body = file;
  if (method === "POST") {
    body = new FormData();
    Object.entries(fields).forEach(([name, value]) => body.append(name, value));
    body.append("file", file); // the last field
  }
  const sent = await fetch(url, { method, headers, body });
  if (!sent.ok) {
    throw new Error(`The upload failed with the status ${sent.status}.`);
  }
  return (await fetch("/uploads/done", { method: "POST" })).json();
}
