/** The Kafka users of the manifests, and their lists of what each may do as a broker takes them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import kafkajs, { type Admin } from 'kafkajs';
import { parseAllDocuments } from 'yaml';
import { projectRoot } from '../../runtime/process/project.js';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

export interface KafkaUser {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly authorization: {
      readonly acls: readonly {
        readonly resource: { readonly type: string; readonly name?: string; readonly patternType?: string };
        readonly operations: readonly string[];
      }[];
    };
  };
}

export const kafkaUsers: readonly KafkaUser[] = parseAllDocuments(
  readFileSync(join(projectRoot, 'deploy', 'kubernetes', 'components', 'strimzi', 'users.yaml'), 'utf8'),
).map((document) => document.toJS() as KafkaUser);

/** Strimzi's words for what the broker's API has numbers for. */
const RESOURCES: Readonly<Record<string, number>> = {
  topic: AclResourceTypes.TOPIC,
  group: AclResourceTypes.GROUP,
  cluster: AclResourceTypes.CLUSTER,
  transactionalId: AclResourceTypes.TRANSACTIONAL_ID,
};
function operationOf(name: string): number {
  const key = name.replace(/(?<!^)([A-Z])/g, '_$1').toUpperCase();
  return AclOperationTypes[key as keyof typeof AclOperationTypes];
}

/** Gives every user its list. @param principalOf how the broker calls a user, by its login or its certificate */
export async function grantLists(admin: Admin, principalOf: (name: string) => string): Promise<void> {
  await admin.createAcls({
    acl: kafkaUsers.flatMap(({ metadata, spec }) =>
      spec.authorization.acls.flatMap(({ resource, operations }) =>
        operations.map((operation) => ({
          principal: principalOf(metadata.name),
          host: '*',
          operation: operationOf(operation),
          permissionType: AclPermissionTypes.ALLOW,
          resourceType: RESOURCES[resource.type]!,
          resourceName: resource.name ?? 'kafka-cluster',
          resourcePatternType:
            resource.patternType === 'prefix' ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
        })),
      ),
    ),
  });
}
