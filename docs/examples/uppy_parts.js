async function sendInParts({ Uppy, AwsS3 }, file, sign, options = {}) {
  // the user chooses the same file again after a reload
  const key = `parts ${file.name} ${file.size} ${file.lastModified}`;
  const known = JSON.parse(localStorage.getItem(key)) ?? { url: await sign(file) };
  const uppy = new Uppy().use(AwsS3, { companionEndpoint: known.url, shouldUseMultipart: true, ...options });
  const id = uppy.addFile({ name: file.name, type: file.type, data: file });
  uppy.setFileState(id, { s3Multipart: known.s3Multipart });
  uppy.on("state-update", (before, { files }) => {
    if (files[id]?.s3Multipart) {
      localStorage.setItem(key, JSON.stringify({ url: known.url, s3Multipart: files[id].s3Multipart }));
    }
  });
  uppy.on("upload-success", () => localStorage.removeItem(key));
  uppy.on("upload-error", (refused, error) => {
    if (error.message.startsWith("Companion request failed")) {
      localStorage.removeItem(key); // the app does not go on with it
    }
  });
  return uppy;
}
