/** A titled part of a page. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

export function Panel({
  title,
  subtitle,
  tools,
  className = '',
  id,
  children,
}: {
  readonly title: string;
  readonly subtitle?: ComponentChildren;
  readonly tools?: ComponentChildren;
  readonly className?: string;
  readonly id?: string;
  readonly children: ComponentChildren;
}) {
  const titleId = useId();
  return (
    <section class={`panel ${className}`} aria-labelledby={titleId} id={id}>
      <header>
        <h2 id={titleId}>{title}</h2>
        {subtitle && <p class="subtitle">{subtitle}</p>}
        {tools && <div class="tools">{tools}</div>}
      </header>
      {children}
    </section>
  );
}

/** Names and values; pairs without a value are left out. */
export function Facts({ pairs }: { readonly pairs: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {pairs
        .filter(([, value]) => value !== null && value !== undefined && value !== '' && value !== false)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** Radio buttons that look like one control. */
export function Segments<T extends string>({
  legend,
  name,
  choices,
  value,
  onChange,
}: {
  readonly legend: string;
  readonly name: string;
  readonly choices: readonly { readonly value: T; readonly label: string }[];
  readonly value: T;
  readonly onChange: (value: T) => void;
}) {
  return (
    <fieldset class="segments" id={name}>
      <legend class="hidden">{legend}</legend>
      {choices.map((choice) => (
        <label key={choice.value}>
          <input
            type="radio"
            name={name}
            value={choice.value}
            class="hidden"
            checked={choice.value === value}
            onChange={() => onChange(choice.value)}
          />
          <span>{choice.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
