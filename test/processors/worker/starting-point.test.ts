import { describe, expect, it } from 'vitest';
import { type CommittedState, findStartingPoint } from '../../../processors/worker/starting-point.js';

const METADATA = { packets: 500, alert_events: 7, replay_from: 20, changelog_from: 3, topic_id: 'a' };

function state(
  changes: Partial<CommittedState> & { readonly commit?: object; readonly at?: number } = {},
): CommittedState {
  const { commit = METADATA, at = 50, ...rest } = changes;
  return {
    topic: 'packets',
    partition: 2,
    groupId: 'nta-processors',
    committed: { offset: at, metadata: JSON.stringify(commit) },
    input: { low: 0, high: 60 },
    changelog: { low: 0, high: 5 },
    topicId: 'a',
    ...rest,
  };
}

describe('findStartingPoint', () => {
  it('goes on where the group has committed', () => {
    expect(findStartingPoint(state())).toMatchObject({
      offset: 50,
      replayFrom: 20,
      changelogFrom: 3,
      isContinued: true,
      packets: 500,
      alertEvents: 7,
      lost: 0,
      warning: null,
    });
  });

  it('begins at the start of a topic made anew, and counts on', () => {
    for (const anew of [
      state({ topicId: 'b', input: { low: 0, high: 10 } }),
      state({ topicId: 'b', input: { low: 0, high: 100 } }), // it has grown past the commit already
      state({ commit: { ...METADATA, topic_id: undefined }, input: { low: 0, high: 10 } }),
    ]) {
      const point = findStartingPoint(anew);
      expect(point).toMatchObject({ offset: 0, replayFrom: 0, isContinued: false, packets: 500, alertEvents: 7 });
      expect(point.warning).toContain('processed from its start');
    }
  });

  it('fails when the same topic has lost what was processed, and names the remedy', () => {
    expect(() => findStartingPoint(state({ input: { low: 0, high: 49 } }))).toThrow(
      /partition 2 of packets ends at 49, but the processors have processed it up to 50: .*--reset-offsets/,
    );
  });

  it('counts records that retention has taken', () => {
    expect(findStartingPoint(state({ input: { low: 55, high: 60 } }))).toMatchObject({ offset: 55, lost: 5 });
  });

  it('reads what there is of a changelog made anew', () => {
    const point = findStartingPoint(state({ changelog: { low: 0, high: 1 } }));
    expect(point).toMatchObject({ offset: 50, changelogFrom: 0, isContinued: true });
    expect(point.warning).toContain('the changelog ends before');
  });

  it('takes nothing over without a commit, or from a commit of another program', () => {
    const none = state({ committed: { offset: -1, metadata: null } });
    expect(findStartingPoint(none)).toMatchObject({ offset: 0, isContinued: false, packets: 0, changelogFrom: 0 });
    const foreign = state({ committed: { offset: 40, metadata: 'by hand' } });
    expect(findStartingPoint(foreign)).toMatchObject({ offset: 40, replayFrom: 40, isContinued: false });
  });
});
