/** Messages: errors stay until they are closed, successes are only announced to screen readers. */

const MANY = 3; // messages, from which on one button closes all

const notices = document.getElementById("notices");
const closeAll = document.getElementById("close-notices");
const spoken = document.getElementById("spoken");

/**
 * @param {string} subject A file or model; empty for the page itself.
 * @param {string} text One sentence.
 */
export function complain(subject, text) {
  const notice = document.createElement("div");
  notice.className = "notice";
  const line = document.createElement("p");
  if (subject) {
    const name = document.createElement("strong");
    name.textContent = `${subject}: `;
    line.append(name);
  }
  line.append(text);
  const isThere = [...notices.children].some((other) => other.firstChild.textContent === line.textContent);
  if (isThere) return;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", subject ? `Close the message about ${subject}` : "Close this message");
  close.addEventListener("click", () => {
    notice.remove();
    offerToCloseAll();
  });
  notice.append(line, close);
  notices.append(notice);
  offerToCloseAll();
}

closeAll.addEventListener("click", () => {
  notices.replaceChildren();
  offerToCloseAll();
});

function offerToCloseAll() {
  closeAll.hidden = notices.children.length < MANY;
}

/** @param {string} text For screen readers. */
export function speak(text) {
  spoken.textContent = text;
}
