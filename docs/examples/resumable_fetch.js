async function upload(file, url, piece = 8 * 1024 * 1024) {
  // url is that of resumable_url; a page that keeps location in localStorage goes on after a reload
  const draft = { "Upload-Draft-Interop-Version": 10 };
  const headers = { ...draft, "Upload-Complete": "?0", "Upload-Length": file.size };
  const begun = await fetch(url, { method: "POST", headers });
  if (!begun.ok) {
    throw new Error(`The upload was refused with the status ${begun.status}.`);
  }
  const location = begun.headers.get("Location");
  for (let tries = 0; tries < 10; tries++) {
    try {
      const known = await fetch(location, { method: "HEAD", headers: draft });
      let offset = Number(known.headers.get("Upload-Offset"));
      let isDone = known.headers.get("Upload-Complete") === "?1";
      while (!isDone) {
        const end = Math.min(offset + piece, file.size);
        const sent = await fetch(location, {
          method: "PATCH",
          headers: {
            ...draft,
            "Content-Type": "application/partial-upload",
            "Upload-Offset": offset,
            "Upload-Complete": end === file.size ? "?1" : "?0",
          },
          body: file.slice(offset, end),
        });
        if (sent.status >= 400 && sent.headers.get("Upload-Complete") === "?1") {
          return sent; // the storage does not take the file
        }
        if (!sent.ok) {
          throw new Error(`The upload failed with the status ${sent.status}.`);
        }
        isDone = sent.headers.get("Upload-Complete") === "?1";
        offset = end;
      }
      return await fetch(location); // {"name": …, "url": …}
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
  throw new Error("The connection was lost.");
}
