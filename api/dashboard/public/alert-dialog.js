/** The dialog of one alert, and the decisions about it. */
import { renderAlertDetail } from './alerts.js';
import { ApiError, callApi, setToken } from './client.js';
import { byId } from './elements.js';
import { showNotice } from './status-line.js';
import { askForToken } from './token-dialog.js';

/** How long the failure of something clicked stays to be read. */
const FAILURE_NOTICE_MS = 10_000;

/** @param {{ onDecided: () => void, onHost: (host: string) => void }} actions */
export function createAlertActions({ onDecided, onHost }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('alert-dialog'));

  /** @param {unknown} error @param {() => void} again */
  function report(error, again) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) {
      // A wrong token is not kept: the page's reads may need none.
      setToken('');
      askForToken(error.message, again);
      return;
    }
    dialog.close();
    showNotice(error.message, FAILURE_NOTICE_MS);
  }

  /** @param {string} id */
  async function open(id) {
    try {
      render(await callApi(`/alerts/${encodeURIComponent(id)}`));
      if (!dialog.open) dialog.showModal();
    } catch (error) {
      report(error, () => open(id));
    }
  }

  /** @param {any} alert */
  function render(alert) {
    dialog.replaceChildren(
      renderAlertDetail(alert, {
        onClose: () => dialog.close(),
        onHost: (host) => {
          dialog.close();
          onHost(host);
        },
        onDecide: (action, note) => decide(action, alert.id, note),
      }),
    );
  }

  /**
   * @param {'resolve' | 'reopen'} action
   * @param {string} id
   * @param {string} note
   */
  async function decide(action, id, note) {
    const body = { by: 'dashboard', ...(note.trim() === '' ? {} : { note }) };
    try {
      const alert = await callApi(`/alerts/${encodeURIComponent(id)}/${action}`, {}, { method: 'POST', body });
      if (dialog.open) render(alert);
      onDecided();
    } catch (error) {
      report(error, () => decide(action, id, note));
    }
  }

  return { open, decide };
}
