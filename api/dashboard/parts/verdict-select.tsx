/** Chooses what an alert was. */
import { VERDICT_CHOICES, VERDICT_NAMES, type Verdict } from '../words/alerts.js';

export function VerdictSelect({
  value,
  none,
  className,
  onChange,
}: {
  readonly value: Verdict | '';
  /** What it is called to choose none. */
  readonly none: string;
  /** Of its label. */
  readonly className: string;
  readonly onChange: (value: Verdict | '') => void;
}) {
  return (
    <label class={className}>
      Verdict
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as Verdict | '')}>
        <option value="">{none}</option>
        {VERDICT_CHOICES.map((choice) => (
          <option key={choice} value={choice}>
            {VERDICT_NAMES[choice]}
          </option>
        ))}
      </select>
    </label>
  );
}
