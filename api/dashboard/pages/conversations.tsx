/** Conversations of the time and search that are looked at. */
import { useCallback, useRef, useState } from 'preact/hooks';
import type { ConversationPage } from '../../routes/conversations.js';
import type { Conversation } from '../../views/conversation-view.js';
import { isRefused } from '../data/api.js';
import { calls, downloadAddress } from '../data/calls.js';
import { rangeWords } from '../data/scope.js';
import { usePages } from '../data/use-pages.js';
import { useWorkplace } from '../data/workplace.js';
import { ConversationTable } from '../parts/conversation-table.js';
import { useKeys } from '../parts/keys.js';
import { Older } from '../parts/older.js';
import { Panel } from '../parts/panel.js';
import { Empty, Loading, SearchProblem } from '../parts/states.js';
import { formatInteger } from '../words/numbers.js';

const PAGE = 200;
const READING_PX = 40;
const rowsOf = ({ conversations, next }: ConversationPage) => ({ rows: conversations, next });
const idOf = ({ id }: Conversation): string => id;

export function ConversationsPage() {
  const { scope, looked, address } = useWorkplace();
  const [current, setCurrent] = useState<string | null>(null);
  const reading = useRef(current);
  reading.current = current;
  const isRead = useCallback(() => scrollY > READING_PX || reading.current !== null, []);
  const query = looked === null ? null : { ...looked, q: scope.search, limit: PAGE };
  const pages = usePages(
    query && ((next) => calls.conversations({ ...query, next })),
    rowsOf,
    JSON.stringify(query),
    idOf,
    isRead,
  );
  const { rows } = pages;
  const at = rows.findIndex(({ id }) => id === current);
  const move = (step: number): void => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
    if (row) setCurrent(row.id);
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Escape: () => setCurrent(null),
    Enter: () => current !== null && address.go(address.href(`/conversations/${current}`)),
  });
  return (
    <>
      <h1 class="hidden">Conversations</h1>
      <Panel
        title="Conversations"
        id="conversations"
        className="list-panel"
        subtitle={
          pages.isLoaded &&
          `${formatInteger(rows.length)}${pages.next === null ? '' : '+'} ${rangeWords(scope.range)}, last heard of first`
        }
        tools={
          query !== null && (
            <>
              <a class="button" href={downloadAddress('conversations.csv', { ...query, limit: undefined })} download>
                CSV
              </a>
              <a class="button" href={downloadAddress('conversations.json', { ...query, limit: undefined })} download>
                JSON
              </a>
            </>
          )
        }
      >
        {pages.hasNewer && (
          <p class="waiting">
            <button
              type="button"
              class="primary"
              onClick={() => {
                setCurrent(null);
                scrollTo({ top: 0 });
                pages.reload();
              }}
            >
              Show newer conversations
            </button>
          </p>
        )}
        {pages.problem !== null && (isRefused(pages.problem) || rows.length === 0) ? (
          <SearchProblem problem={pages.problem} list="conversations" onRetry={pages.reload} />
        ) : !pages.isLoaded ? (
          <Loading what="conversations" />
        ) : rows.length === 0 ? (
          <Empty
            title={`No conversations ${rangeWords(scope.range)}${scope.search === '' ? '' : ' match the search'}.`}
          >
            {scope.range.kind !== 'all' && (
              <a href={address.href('/conversations', { range: 'all', from: null, to: null })}>Look at all data</a>
            )}
          </Empty>
        ) : (
          <>
            <ConversationTable id="conversation-rows" conversations={rows} current={current} onCurrent={setCurrent} />
            <Older what="conversations" count={rows.length} next={pages.next} onMore={pages.loadOlder} />
          </>
        )}
      </Panel>
    </>
  );
}
