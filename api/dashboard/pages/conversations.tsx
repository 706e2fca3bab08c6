/** Conversations of the time and search that are looked at. */
import { useState } from 'preact/hooks';
import type { ConversationPage } from '../../routes/conversations.js';
import type { Conversation } from '../../views/conversation-view.js';
import { calls, downloadAddress } from '../data/calls.js';
import { rangeWords } from '../data/scope.js';
import { usePages } from '../data/use-pages.js';
import { useReading } from '../data/use-reading.js';
import { useWorkplace } from '../data/workplace.js';
import { ConversationTable } from '../parts/conversation-table.js';
import { useRowKeys } from '../parts/keys.js';
import { listed, PagedList } from '../parts/paged-list.js';
import { Panel } from '../parts/panel.js';

const PAGE = 200;
const rowsOf = ({ conversations, next }: ConversationPage) => ({ rows: conversations, next });
const idOf = ({ id }: Conversation): string => id;

export function ConversationsPage() {
  const { scope, looked, address } = useWorkplace();
  const [current, setCurrent] = useState<string | null>(null);
  const isRead = useReading(current !== null);
  const query = looked === null ? null : { ...looked, q: scope.search, limit: PAGE };
  const pages = usePages(
    query && ((next) => calls.conversations({ ...query, next })),
    rowsOf,
    JSON.stringify(query),
    idOf,
    isRead,
  );
  const { rows } = pages;
  useRowKeys(rows, current, setCurrent, {
    Enter: () => current !== null && address.go(address.href(`/conversations/${current}`)),
  });
  return (
    <>
      <h1 class="hidden">Conversations</h1>
      <Panel
        title="Conversations"
        id="conversations"
        className="list-panel"
        subtitle={listed(pages, scope.range, ', last heard of first')}
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
        <PagedList
          pages={pages}
          what="conversations"
          searched="conversations"
          none={`No conversations ${rangeWords(scope.range)}${scope.search === '' ? '' : ' match the search'}.`}
          onNewer={() => setCurrent(null)}
        >
          <ConversationTable id="conversation-rows" conversations={rows} current={current} onCurrent={setCurrent} />
        </PagedList>
      </Panel>
    </>
  );
}
