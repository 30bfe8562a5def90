/* Copies the text of an element, named by `data-copy-text`, at a click, and says so.

   It must never say "copied" when the browser refused: then the text is selected instead. */

for (const button of document.querySelectorAll("[data-copy-text]")) {
  button.closest(".copying").hidden = false;
  button.addEventListener("click", () => copy(button));
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copyText);
  const status = button.parentElement.querySelector("[role=status]");
  try {
    await navigator.clipboard.writeText(source.textContent);
    status.textContent = "Copied.";
  } catch {
    source.classList.add("copy-by-hand");
    getSelection().selectAllChildren(source);
    status.textContent = "The browser does not allow it; the text is selected, copy it by key.";
  }
}
