/** What the pages ask of the API: each call with the type of its answer, which is that of the route's own schema. */
import type { AlertHistogram } from '../../routes/alert-histogram.js';
import type { Triage, TriageOutcome } from '../../routes/alert-triage.js';
import type { AlertPage } from '../../routes/alerts.js';
import type { AuditPage } from '../../routes/audit.js';
import type { ConversationGroups, ConversationPage } from '../../routes/conversations.js';
import type { SearchFields } from '../../routes/fields.js';
import type { Health } from '../../routes/health.js';
import type { Host } from '../../routes/hosts.js';
import type { IncidentPage } from '../../routes/incidents.js';
import type { LoginMethods } from '../../routes/login.js';
import type { CaptureNode } from '../../routes/nodes.js';
import type { PacketPage } from '../../routes/packets.js';
import type { Rules } from '../../routes/rules.js';
import type { SessionIdentity } from '../../routes/session.js';
import type { Stats } from '../../routes/stats.js';
import type { AlertDetail } from '../../views/alert-view.js';
import type { Conversation } from '../../views/conversation-view.js';
import type { ExceptionProposal, ExceptionView, NewExceptionRequest } from '../../views/exception-view.js';
import type { IncidentDetail } from '../../views/incident-view.js';

export type Query = Readonly<Record<string, string | number | undefined>>;

/** A call and, in its type alone, what it answers. */
export interface Call<T> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below `/api`. */
  readonly path: string;
  readonly query: Query;
  readonly body?: unknown;
  readonly answer?: T;
}

const get = <T>(path: string, query: Query = {}): Call<T> => ({ method: 'GET', path, query });
const post = <T>(path: string, body: unknown): Call<T> => ({ method: 'POST', path, query: {}, body });
const part = (id: string): string => encodeURIComponent(id);

export interface GroupsAsked {
  readonly group_by: readonly string[];
  readonly order_by?: 'bytes' | 'packets' | 'conversations';
  readonly limit?: number;
}

export const calls = {
  session: () => get<SessionIdentity>('/session'),
  loginMethods: () => get<LoginMethods>('/login/methods'),
  openSession: (token: string) => post<SessionIdentity>('/session', { token }),
  closeSession: (): Call<null> => ({ method: 'DELETE', path: '/session', query: {} }),
  fields: () => get<SearchFields>('/fields'),
  health: () => get<Health>('/health'),
  nodes: () => get<{ nodes: CaptureNode[] }>('/nodes'),
  rules: () => get<Rules>('/rules'),
  stats: (query: Query) => get<Stats>('/stats', query),
  alerts: (query: Query) => get<AlertPage>('/alerts', query),
  alertHistogram: (query: Query) => get<AlertHistogram>('/alerts/histogram', query),
  alert: (id: string) => get<AlertDetail>(`/alerts/${part(id)}`),
  incidents: (query: Query) => get<IncidentPage>('/incidents', query),
  incident: (id: string) => get<IncidentDetail>(`/incidents/${part(id)}`),
  triage: (id: string, body: Triage) => post<AlertDetail>(`/alerts/${part(id)}/triage`, body),
  reopen: (id: string, body: { readonly note?: string }) => post<AlertDetail>(`/alerts/${part(id)}/reopen`, body),
  undo: (id: string) => post<AlertDetail>(`/alerts/${part(id)}/undo`, {}),
  triageMany: (ids: readonly string[], body: Triage) => post<TriageOutcome>('/alerts/triage', { ids, ...body }),
  host: (ip: string, query: Query) => get<Host>(`/hosts/${part(ip)}`, query),
  conversations: (query: Query) => get<ConversationPage>('/conversations', query),
  conversation: (id: string) => get<Conversation>(`/conversations/${part(id)}`),
  conversationGroups: (asked: GroupsAsked, query: Query) =>
    post<ConversationGroups>('/conversations/search', { ...asked, ...given(query) }),
  packets: (query: Query) => get<PacketPage>('/packets', query),
  exceptions: (query: Query) => get<{ exceptions: ExceptionView[] }>('/exceptions', query),
  proposeException: (id: string) => post<ExceptionProposal>(`/alerts/${part(id)}/except`, {}),
  addException: (body: NewExceptionRequest) => post<ExceptionView>('/exceptions', body),
  deleteException: (id: string): Call<ExceptionView> => ({
    method: 'DELETE',
    path: `/exceptions/${part(id)}`,
    query: {},
  }),
  audit: (query: Query) => get<AuditPage>('/audit', query),
} as const;

/** What is left out of a query string is left out of a body, too; a list is a list there. */
function given({ capture_node: nodes, ...query }: Query): Record<string, unknown> {
  const entries = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const filter = nodes === undefined || nodes === '' ? {} : { filter: { capture_node: String(nodes).split(',') } };
  return { ...Object.fromEntries(entries), ...filter };
}

/** The address of a download. */
export function downloadAddress(file: string, query: Query): string {
  return `/api/${file}${searchOf(query)}`;
}

/** "?a=1", or nothing; what is undefined or empty is left out. */
export function searchOf(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  return parameters.size > 0 ? `?${parameters}` : '';
}
