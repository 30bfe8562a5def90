/* Copies the text of the element named by `data-copy-text` on click. If the browser refuses, the
   text is selected instead. */

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
    status.textContent = "The browser does not allow copying. The text is selected: copy it with the keyboard.";
  }
}
