// Shows the answer while it is written; without scripts the form's page shows it when it is complete.
"use strict";
const form = document.getElementById("ask");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form));
  const draft = document.getElementById("draft");
  draft.hidden = false;
  draft.textContent = "…";
  let text = "";
  const stream = new EventSource(`/ask/stream?${fields}`);
  stream.addEventListener("delta", (message) => {
    text += JSON.parse(message.data).text;
    draft.textContent = text;
  });
  // The page with the citations comes from the cache, as the log has not changed.
  stream.addEventListener("done", () => { stream.close(); location.assign(`/ask?${fields}`); });
  stream.addEventListener("error", () => { stream.close(); location.assign(`/ask?${fields}`); });
});
