/* Copies the curl command, and removes empty fields from the address of the filter form. */

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
        said.textContent = "Selected: copy it with the keyboard.";
      }
    });
  }

  /* Addresses are read and shared, so empty fields are left out. */
  document.querySelector("form.filters")?.addEventListener("formdata", (event) => {
    for (const name of [...new Set(event.formData.keys())]) {
      const chosen = event.formData.getAll(name).filter((value) => value !== "");
      event.formData.delete(name);
      for (const value of chosen) event.formData.append(name, value);
    }
  });
})();
