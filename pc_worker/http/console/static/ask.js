// Shows the answer while it is written; without scripts the form's page shows it when it is complete.
"use strict";
const form = document.getElementById("ask");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form));
  const draft = document.getElementById("draft");
  draft.hidden = false;
  draft.className = "answer";
  draft.textContent = "…";
  let text = "";
  const stream = new EventSource(`/ask/stream?${fields}`);
  stream.addEventListener("delta", (message) => {
    text += JSON.parse(message.data).text;
    draft.textContent = text;
  });
  // The page shows the answer with its citations by its id: it is not asked again.
  stream.addEventListener("done", (message) => {
    stream.close();
    location.assign(`/ask?${new URLSearchParams({ answer: JSON.parse(message.data).id })}`);
  });
  stream.addEventListener("error", (message) => {
    stream.close();
    // An error without an event came before the stream began, or cut it off: the page says which.
    if (message.data === undefined) { location.assign(`/ask?${fields}`); }
    else { draft.textContent = JSON.parse(message.data).detail; draft.className = "complaint"; }
  });
});
