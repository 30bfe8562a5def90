/* Small comforts of the listing: copying the command, and an address without empty fields. It must
   never decide what is shown. */

(() => {
  "use strict";

  const button = document.getElementById("copy-curl");
  const said = document.getElementById("copied");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copies);
      try {
        await navigator.clipboard.writeText(source.textContent);
        said.textContent = "Copied.";
      } catch {
        getSelection().selectAllChildren(source);
        said.textContent = "Selected: copy it with the browser's own key.";
      }
    });
  }

  /* An address is read and passed on: what was not chosen does not belong in it. */
  document.querySelector("form.filters")?.addEventListener("formdata", (event) => {
    for (const name of [...new Set(event.formData.keys())]) {
      const chosen = event.formData.getAll(name).filter((value) => value !== "");
      event.formData.delete(name);
      for (const value of chosen) event.formData.append(name, value);
    }
  });
})();
