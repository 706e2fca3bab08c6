/** Building and updating the page's elements. Text only ever becomes text nodes, so nothing from the network is markup. */

/**
 * @param {string} name
 * @param {Record<string, unknown>} [properties] `class`, `data-…`, `aria-…` and other attributes; `on…` adds a listener
 * @param {...(Node | string | number | null | undefined)} children
 * @returns {HTMLElement}
 */
export function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    else node.setAttribute(key, value === true ? '' : String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined) node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

/** @param {string} id */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`no element #${id}`);
  return node;
}

/**
 * Gives a container one child an item, reusing the child of the same key where its content is the same, so that
 * focus, selection and scrolling survive a refresh.
 *
 * @template T
 * @param {Element} container
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => HTMLElement} render
 */
export function updateChildren(container, items, keyOf, render) {
  const known = new Map();
  for (const child of container.children) known.set(child.getAttribute('data-key'), child);
  let place = container.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const content = JSON.stringify(item);
    let child = known.get(key);
    known.delete(key);
    if (!child || child.content !== content) {
      const fresh = render(item);
      fresh.setAttribute('data-key', key);
      /** @type {any} */ (fresh).content = content;
      if (child) {
        const focused = child.contains(document.activeElement) ? focusPath(child) : null;
        if (child === place) place = fresh;
        child.replaceWith(fresh);
        if (focused) restoreFocus(fresh, focused);
      }
      child = fresh;
    }
    if (child === place) place = place.nextElementSibling;
    else container.insertBefore(child, place);
  }
  for (const child of known.values()) child.remove();
}

/** @param {Element} root */
function focusPath(root) {
  return [...root.querySelectorAll('a, button, input')].indexOf(/** @type {Element} */ (document.activeElement));
}

/**
 * @param {Element} root
 * @param {number} index
 */
function restoreFocus(root, index) {
  const target = index < 0 ? root : root.querySelectorAll('a, button, input')[index];
  if (target instanceof HTMLElement) target.focus({ preventScroll: true });
}

/**
 * A group of radio buttons that looks like one control.
 *
 * @param {HTMLElement} fieldset
 * @param {readonly { value: string, label: string, title?: string }[]} choices
 * @param {string} selected
 * @param {(value: string) => void} onChange
 */
export function segments(fieldset, choices, selected, onChange) {
  for (const { value, label, title } of choices) {
    const input = element('input', { type: 'radio', name: fieldset.id, value, class: 'hidden' });
    /** @type {HTMLInputElement} */ (input).checked = value === selected;
    input.addEventListener('change', () => onChange(value));
    fieldset.append(element('label', { title }, input, element('span', {}, label)));
  }
}
