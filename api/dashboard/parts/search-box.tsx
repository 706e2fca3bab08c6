/** The search that governs the page, completed from the fields that the API knows (ARIA: combobox with a list). */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { calls } from '../data/calls.js';
import { useAnswer } from '../data/use-answer.js';
import { useWorkplace } from '../data/workplace.js';
import { type Completion, complete, fieldsOf } from '../words/completion.js';
import { useKeys } from './keys.js';

const NOTHING: Completion = { start: 0, end: 0, suggestions: [] };

function useCompletion(): (text: string, cursor: number) => Completion {
  const { nodes } = useWorkplace();
  const { data } = useAnswer(calls.fields(), null);
  const fields = useMemo(() => (data === null ? [] : fieldsOf(data)), [data]);
  const names = useMemo(() => nodes.map(({ capture_node: name }) => name), [nodes]);
  return (text, cursor) => complete(text, cursor, fields, names);
}

export function SearchBox() {
  const { scope, address } = useWorkplace();
  const [text, setText] = useState(scope.search);
  const [completion, setCompletion] = useState(NOTHING);
  const [chosen, setChosen] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const completionOf = useCompletion();
  useEffect(() => setText(scope.search), [scope.search]);
  useKeys({ '/': () => input.current?.focus() });

  const offer = (value: string, cursor: number): void => {
    setCompletion(completionOf(value, cursor));
    setChosen(-1);
  };
  const close = (): void => setCompletion(NOTHING);
  const accept = (index: number): void => {
    const suggestion = completion.suggestions[index];
    if (suggestion === undefined) return;
    const head = `${text.slice(0, completion.start)}${suggestion.text} `;
    const value = head + text.slice(completion.end).trimStart();
    setText(value);
    offer(value, head.length);
    input.current?.focus();
    requestAnimationFrame(() => input.current?.setSelectionRange(head.length, head.length));
  };
  const submit = (value: string): void => {
    close();
    address.change({ q: value.trim() });
  };
  const press = (event: KeyboardEvent): void => {
    const { suggestions } = completion;
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move !== undefined && suggestions.length > 0) {
      event.preventDefault();
      setChosen((chosen + move + suggestions.length) % suggestions.length);
    } else if ((event.key === 'Enter' || event.key === 'Tab') && chosen >= 0) {
      event.preventDefault();
      accept(chosen);
    } else if (event.key === 'Escape') {
      if (suggestions.length > 0) close();
      else input.current?.blur();
    }
  };

  return (
    <form
      class="search-box"
      onSubmit={(event) => {
        event.preventDefault();
        submit(text);
      }}
    >
      <input
        ref={input}
        id="search"
        type="text"
        role="combobox"
        aria-label="Search"
        aria-expanded={completion.suggestions.length > 0}
        aria-controls="search-suggestions"
        aria-autocomplete="list"
        aria-activedescendant={chosen >= 0 ? `suggestion-${chosen}` : undefined}
        placeholder="Search, such as: src 10.0.0.0/8 and port 443"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          offer(event.currentTarget.value, event.currentTarget.selectionStart ?? 0);
        }}
        onKeyDown={press}
        onBlur={close}
      />
      {text !== '' && (
        <button type="button" class="quiet clear" aria-label="Clear the search" onClick={() => submit('')}>
          ✕
        </button>
      )}
      <button type="submit">Search</button>
      <Suggestions completion={completion} chosen={chosen} onAccept={accept} />
    </form>
  );
}

function Suggestions({
  completion,
  chosen,
  onAccept,
}: {
  readonly completion: Completion;
  readonly chosen: number;
  readonly onAccept: (index: number) => void;
}) {
  return (
    <div id="search-suggestions" role="listbox" aria-label="Suggestions" hidden={completion.suggestions.length === 0}>
      {completion.suggestions.map(({ text, description }, index) => (
        // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field, which names the active option
        <div
          key={text}
          id={`suggestion-${index}`}
          role="option"
          aria-selected={index === chosen}
          // Before the field loses the focus, which closes the list.
          onPointerDown={(event) => {
            event.preventDefault();
            onAccept(index);
          }}
        >
          <code>{text}</code> <span>{description}</span>
        </div>
      ))}
    </div>
  );
}
