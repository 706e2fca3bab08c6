/** `?`: the keys, and the words of a search. */
import { useEffect, useRef } from 'preact/hooks';
import { useMayDecide } from '../data/use-may-decide.js';
import { isTyping } from './keys.js';

const KEYS = [
  ['j / k', 'next or previous row of a list'],
  ['Enter', 'open the row'],
  ['/', 'search'],
  ['?', 'this help'],
] as const;

/** For those who may decide. */
const DECISION_KEYS = [
  ['x', 'select an alert for many at once'],
  ['e', 'acknowledge the alert'],
  ['r', 'resolve the alert'],
] as const;

const SEARCHES = [
  ['10.0.0.0/8', 'an address or network on either side'],
  ['src 10.0.0.7 and port 443', 'who sent, and a port'],
  ['not proto icmp', 'everything but'],
  ['service ssl or service ssh', 'conversations by service'],
  ['outcome refused', 'conversations by what became of them'],
  ['name *.example.org', 'names that were asked for'],
  ['severity 4,5', 'alerts by severity'],
] as const;

export function HelpDialog() {
  const mayDecide = useMayDecide();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key === '?' && !isTyping(event) && !dialog.current?.open) dialog.current?.showModal();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
  return (
    <>
      <button type="button" class="quiet help-button" aria-label="Help" onClick={() => dialog.current?.showModal()}>
        ?
      </button>
      <dialog ref={dialog} class="help-dialog" aria-labelledby="help-title">
        <div class="dialog-title">
          <h2 id="help-title">Keys and searches</h2>
          <button type="button" class="quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
            ✕
          </button>
        </div>
        <dl class="facts">
          {[...KEYS, ...(mayDecide ? DECISION_KEYS : [])].map(([key, what]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <h3>A search</h3>
        <dl class="facts">
          {SEARCHES.map(([search, what]) => (
            <div key={search}>
              <dt>
                <code>{search}</code>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <p class="hint">
          It governs all of a page. What has no such field, as alerts have no service, says so in its place. Sizes are
          by powers of ten: 1 kB is 1000 bytes.
        </p>
      </dialog>
    </>
  );
}
