/** Asks for the API token, keeps it for this tab, and goes on with what needed it. */
import { hasToken, setToken } from './client.js';
import { byId } from './elements.js';

const dialog = /** @type {HTMLDialogElement} */ (byId('token-dialog'));
const input = /** @type {HTMLInputElement} */ (byId('token'));
let goOn = () => {};
let giveUp = () => {};

/**
 * @param {string} reason
 * @param {() => void} onToken
 * @param {() => void} [onGivenUp] when the dialog is closed without a token
 */
export function askForToken(reason, onToken, onGivenUp = () => {}) {
  goOn = onToken;
  giveUp = onGivenUp;
  byId('token-reason').textContent = reason;
  if (!dialog.open) dialog.showModal();
  input.focus();
}

byId('token-form').addEventListener('submit', () => {
  setToken(input.value.trim());
  input.value = '';
  goOn();
});
byId('token-cancel').addEventListener('click', () => dialog.close());
dialog.addEventListener('close', () => {
  if (!hasToken()) giveUp();
});
