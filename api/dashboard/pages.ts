/** Every page: its path, where `:name` stands for any text, its title, and what draws it. Those with a place stand in the menu. */
import type { Page, PageProperties } from './page.js';
import { AlertPage } from './pages/alert.js';
import { AlertsPage } from './pages/alerts.js';
import { ConversationPage } from './pages/conversation.js';
import { ConversationsPage } from './pages/conversations.js';
import { HostPage } from './pages/host.js';
import { IncidentPage } from './pages/incident.js';
import { IncidentsPage } from './pages/incidents.js';
import { NodesPage } from './pages/nodes.js';
import { OverviewPage } from './pages/overview.js';
import { PacketsPage } from './pages/packets.js';
import { RulesPage } from './pages/rules.js';
import { SettingsPage } from './pages/settings.js';

export const PAGES: readonly Page[] = [
  { path: '/', title: 'Overview', component: OverviewPage, inMenu: true, isScoped: true },
  { path: '/alerts', title: 'Alerts', component: AlertsPage, inMenu: true, isScoped: true },
  { path: '/alerts/:id', title: 'Alert', component: AlertPage, inMenu: false, isScoped: false },
  { path: '/incidents', title: 'Incidents', component: IncidentsPage, inMenu: true, isScoped: true },
  { path: '/incidents/:id', title: 'Incident', component: IncidentPage, inMenu: false, isScoped: false },
  { path: '/hosts/:ip', title: 'Host', component: HostPage, inMenu: false, isScoped: true },
  { path: '/conversations', title: 'Conversations', component: ConversationsPage, inMenu: true, isScoped: true },
  { path: '/conversations/:id', title: 'Conversation', component: ConversationPage, inMenu: false, isScoped: false },
  { path: '/packets', title: 'Packets', component: PacketsPage, inMenu: true, isScoped: true },
  { path: '/nodes', title: 'Nodes', component: NodesPage, inMenu: true, isScoped: false },
  { path: '/rules', title: 'Rules', component: RulesPage, inMenu: true, isScoped: true },
  { path: '/settings', title: 'Settings', component: SettingsPage, inMenu: true, isScoped: false },
];

/** The page of a path with what stands in it; null when there is none. */
export function findPage(path: string): { page: Page; properties: PageProperties } | null {
  for (const page of PAGES) {
    const found = matchPath(page.path, path);
    if (found !== null) return { page, properties: { path: found } };
  }
  return null;
}

function matchPath(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/');
  const given = path.replace(/(.)\/$/, '$1').split('/');
  if (wanted.length !== given.length) return null;
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const text = given[index] ?? '';
    if (part.startsWith(':')) found[part.slice(1)] = decodePart(text);
    else if (part !== text) return null;
  }
  return found;
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
