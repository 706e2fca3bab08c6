/**
 * Which worker gets which partition. Windows live in a worker's memory, so an assignment moves as few partitions as
 * balance allows: every member keeps what it has up to its fair share and only the rest is handed out. A member says
 * what it has in the user data of its JoinGroup request. Partitions of the changelog go with those of the input.
 */
import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';

export interface AssignmentMember {
  readonly memberId: string;
  /** Partitions whose state the member holds. */
  readonly owned: readonly number[];
}

const NAME = 'nta-sticky';
const VERSION = 1;

/**
 * Shares out partitions: sizes differ by one at most, and no partition moves that need not. Of two members that both
 * claim a partition (one of them was away) the first by id keeps it; the other's state is stale or equal.
 */
export function assignPartitions(
  partitions: readonly number[],
  members: readonly AssignmentMember[],
): ReadonlyMap<string, readonly number[]> {
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const unassigned = new Set(partitions);
  const kept = sorted.map((member) => {
    const owned = [...new Set(member.owned)].filter((partition) => unassigned.delete(partition));
    return { memberId: member.memberId, partitions: owned.sort((a, b) => a - b) };
  });
  // Who holds most may hold one more than the others, so that nothing moves without need.
  kept.sort((a, b) => b.partitions.length - a.partitions.length);
  const share = Math.floor(partitions.length / Math.max(1, sorted.length));
  const extra = partitions.length - share * sorted.length;
  kept.forEach((member, index) => {
    const quota = index < extra ? share + 1 : share;
    for (const surplus of member.partitions.splice(quota)) unassigned.add(surplus);
  });
  const rest = [...unassigned].sort((a, b) => a - b);
  kept.forEach((member, index) => {
    const quota = index < extra ? share + 1 : share;
    member.partitions.push(...rest.splice(0, quota - member.partitions.length));
  });
  return new Map(kept.map((member) => [member.memberId, member.partitions]));
}

/**
 * The assigner for kafkajs.
 *
 * @param partitionCount how many partitions can be worked on: input, changelog and alerts have to have them.
 */
export function stickyAssigner(
  inputTopic: string,
  changelogTopic: string,
  owned: () => readonly number[],
  partitionCount: () => Promise<number>,
): PartitionAssigner {
  return () => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: AssignerProtocol.MemberMetadata.encode({
        version: VERSION,
        topics,
        userData: Buffer.from(JSON.stringify({ owned: owned() })),
      }),
    }),
    assign: async ({ members }) => {
      const partitions = Array.from({ length: await partitionCount() }, (_, partition) => partition);
      const shares = assignPartitions(
        partitions,
        members.map(({ memberId, memberMetadata }) => ({ memberId, owned: readOwned(memberMetadata) })),
      );
      return [...shares].map(([memberId, share]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: VERSION,
          assignment: { [inputTopic]: [...share], [changelogTopic]: [...share] },
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}

/** What another member claims; a claim that cannot be read is none. */
function readOwned(metadata: Buffer): number[] {
  try {
    const text = AssignerProtocol.MemberMetadata.decode(metadata)?.userData.toString() ?? '';
    const { owned } = JSON.parse(text) as { owned?: unknown };
    return Array.isArray(owned) ? owned.filter((partition) => Number.isInteger(partition)) : [];
  } catch {
    return [];
  }
}
