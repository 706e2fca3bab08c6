/**
 * The conversations of a capture on their way to detection and to a file: rows that come while a block of packets is decoded go
 * with it, the rest when the capture is over.
 */
import { ConversationTracker } from '../../producers/conversations/conversation-tracker.js';
import { ConversationBlock, ReceivedBlock } from '../../schemas/conversations/conversation-block.js';
import { copyConversations, copyReceived } from '../../schemas/conversations/conversation-columns.js';
import type { TrackedRows } from './analysis-thread.js';

const NO_CONVERSATIONS = copyConversations(new ConversationBlock(0));
const NOTHING_RECEIVED = copyReceived(new ReceivedBlock(0));
const NO_ROWS: TrackedRows = { conversations: NO_CONVERSATIONS, received: NOTHING_RECEIVED };

export class TrackedCapture {
  readonly tracker: ConversationTracker;
  private readonly waiting: TrackedRows[] = [];

  /** @param watch sees all conversations first */
  constructor(watch: (conversations: ConversationBlock) => void) {
    this.tracker = new ConversationTracker({
      deliver: (conversations, received) => {
        watch(conversations);
        this.waiting.push({ conversations: copyConversations(conversations), received: copyReceived(received) });
      },
    });
  }

  /** What has come since the last call. Most of the time these are one batch; what is more comes first, without packets. */
  take(more: (rows: TrackedRows) => void): TrackedRows {
    this.tracker.flush();
    const rows = this.waiting.splice(0);
    const last = rows.pop() ?? NO_ROWS;
    for (const batch of rows) more(batch);
    return last;
  }
}
