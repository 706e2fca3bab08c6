/** What a page of the dashboard is. */
import type { ComponentType } from 'preact';

export interface PageProperties {
  /** What stands in the path for each `:name`. */
  readonly path: Readonly<Record<string, string>>;
}

export interface Page {
  readonly path: string;
  readonly title: string;
  readonly component: ComponentType<PageProperties>;
  readonly inMenu: boolean;
  /** Whether time, search and nodes govern what it shows. */
  readonly isScoped: boolean;
}
