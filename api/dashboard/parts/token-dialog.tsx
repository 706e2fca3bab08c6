/** Asks for the API token. It is sent once, for a session's cookie that all tabs share, and kept nowhere. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Api } from '../data/api.js';
import { calls } from '../data/calls.js';

export interface TokenQuestion {
  readonly reason: string;
  /** null when there is none to be had. */
  readonly answer: (token: string | null) => void;
}

/** Whether people may log in at a provider instead. */
function useProvider(api: Api): boolean {
  const [isThere, setThere] = useState(false);
  useEffect(() => {
    const controller = new AbortController();
    api.call(calls.loginMethods(), controller.signal).then(
      ({ oidc }) => setThere(oidc),
      () => undefined, // the token is the way then
    );
    return () => controller.abort();
  }, [api]);
  return isThere;
}

export function TokenDialog({ question, api }: { readonly question: TokenQuestion; readonly api: Api }) {
  const hasProvider = useProvider(api);
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
    input.current?.focus();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="token-dialog"
      aria-labelledby="token-title"
      onCancel={(event) => {
        event.preventDefault();
        question.answer(null);
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const token = input.current?.value.trim() ?? '';
          if (token !== '') question.answer(token);
        }}
      >
        <h2 id="token-title">This needs the API token</h2>
        <p id="token-reason">{question.reason}</p>
        <label class="field-block">
          Token
          <input ref={input} id="token" type="password" autocomplete="off" spellcheck={false} required />
        </label>
        <p class="hint">
          <code>npm start</code> keeps it in the file <code>.nta/api-token</code> of its data folder; elsewhere it is
          the value of <code>NTA_API_TOKEN</code>, what <code>--api-token-file</code> holds, or a token of your own from{' '}
          <code>nta token create</code>. This browser is then logged in for twelve hours, in all its tabs.
        </p>
        <p class="actions">
          {hasProvider && (
            <a class="button primary" href="/api/login">
              Log in with your account
            </a>
          )}
          <button type="button" class="quiet" onClick={() => question.answer(null)}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Continue
          </button>
        </p>
      </form>
    </dialog>
  );
}
