/**
 * Apache Kafka's jars, fetched with Maven as kafka/pom.xml pins them and kept in a cache:
 *
 *     <cache>/kafka-<version>/libs/*.jar
 *                            /pom.xml      the pom that they came from
 *                            /<java>.jsa   class data of the broker, written by its first stop
 *
 * NTA_CACHE_DIR, when set, is the cache; otherwise the data directory is.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ChildExit, describeExit } from '../../runtime/process/child.js';
import { Failure } from '../../runtime/process/failure.js';
import { makeFolder } from '../../runtime/process/folder.js';
import { projectRoot } from '../../runtime/process/project.js';
import { draftOf, removeAbandonedDrafts } from './draft.js';
import { runGuarded } from './guarded-process.js';
import { findJava, isOnPath, type Java, mavenMissing } from './java.js';

export interface KafkaDistribution {
  readonly version: string;
  readonly java: Java;
  /** The jars for `java -cp`: the broker, `kafka.tools.StorageTool` and `org.apache.kafka.tools.*`. */
  readonly classPath: string;
  /** Where a class data archive for this Java and these jars belongs; it may not be there yet. */
  readonly classDataArchive: string;
}

export interface KafkaDistributionOptions {
  /** Used when the environment has no NTA_CACHE_DIR. */
  readonly dataDir: string;
  /** Takes one line at a time while something long goes on. */
  readonly onProgress?: (message: string) => void;
  readonly environment?: NodeJS.ProcessEnv;
}

const POM = join(projectRoot, 'deploy/local-stack/kafka/pom.xml');

/** For the progress line: what the jars of the pom weigh. */
const DOWNLOAD_SIZE = '45 MB';
const ERROR_LINES = 3;

/**
 * The jars from the cache, or fetched into it. Several processes may do so at once: each fetches into a folder of its
 * own, and the first to finish moves it into place.
 *
 * @throws Failure `JAVA_MISSING`, `JAVA_TOO_OLD`, `MAVEN_MISSING` or `KAFKA_DOWNLOAD`.
 */
export async function provideKafkaDistribution(options: KafkaDistributionOptions): Promise<KafkaDistribution> {
  const environment = options.environment ?? process.env;
  const java = findJava(environment);
  const version = pinnedVersion();
  const cache = resolve(environment.NTA_CACHE_DIR || options.dataDir);
  const folder = join(cache, `kafka-${version}`);
  if (!isCurrent(folder)) await fetchInto(cache, folder, version, environment, options.onProgress ?? (() => undefined));

  const libs = join(folder, 'libs');
  const jars = readdirSync(libs).filter((name) => name.endsWith('.jar'));
  const classPath = jars
    .sort()
    .map((name) => join(libs, name))
    .join(':');
  // A JVM refuses an archive made by another JVM or for another class path, hence the name.
  const key = createHash('sha256').update(`${java.version}\n${classPath}`).digest('hex').slice(0, 16);
  return { version, java, classPath, classDataArchive: join(folder, `${key}.jsa`) };
}

function pinnedVersion(): string {
  const version = /<kafka\.version>([^<]+)</.exec(readFileSync(POM, 'utf8'))?.[1];
  if (version === undefined) throw new Error(`no kafka.version in ${POM}`);
  return version;
}

/** The folder appears complete or not at all; what may be wrong is that the pom has changed since. */
function isCurrent(folder: string): boolean {
  const copy = join(folder, 'pom.xml');
  return existsSync(copy) && readFileSync(copy).equals(readFileSync(POM));
}

async function fetchInto(
  cache: string,
  folder: string,
  version: string,
  environment: NodeJS.ProcessEnv,
  onProgress: (message: string) => void,
): Promise<void> {
  makeFolder(cache);
  removeAbandonedDrafts(folder);
  const draft = draftOf(folder);
  try {
    mkdirSync(draft);
    onProgress(`fetching Apache Kafka ${version} with Maven (${DOWNLOAD_SIZE}, once)`);
    await copyDependencies(draft, version, environment, onProgress);
    rmSync(join(draft, 'maven.log'));
    copyFileSync(POM, join(draft, 'pom.xml'));
    moveIntoPlace(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function moveIntoPlace(draft: string, folder: string): void {
  if (existsSync(folder) && !isCurrent(folder)) {
    // From an older pom. A broker that runs from it keeps its jars open.
    const old = draftOf(folder);
    renameSync(folder, old);
    rmSync(old, { recursive: true, force: true });
  }
  try {
    renameSync(draft, folder);
  } catch (error) {
    // Another process was first.
    if (!isCurrent(folder)) throw error;
  }
}

async function copyDependencies(
  draft: string,
  version: string,
  environment: NodeJS.ProcessEnv,
  onProgress: (message: string) => void,
): Promise<void> {
  if (!isOnPath('mvn', environment)) throw mavenMissing();
  let files = 0;
  const { exit, output } = await runGuarded(
    {
      command: 'mvn',
      // Not quiet: its "Downloaded" lines are the progress, its [ERROR] lines the reason of a failure.
      args: [
        '-B',
        '-Dstyle.color=never',
        '-f',
        POM,
        // By its full name: finding a plug-in by prefix hides a network error behind "no plugin found".
        'org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies',
        '-DincludeScope=runtime',
        `-DoutputDirectory=${join(draft, 'libs')}`,
      ],
      environment,
      workingDirectory: draft,
      outputFile: join(draft, 'maven.log'),
    },
    (text) => {
      const count = text.match(/Downloaded from /g)?.length ?? 0;
      if (count > files) onProgress(`fetching Apache Kafka ${version}: ${count} files`);
      files = count;
    },
  );
  if (exit.code === 0) return;
  const errors = [...output.matchAll(/\[ERROR\] (.+)/g)].map((match) => match[1] ?? '').slice(0, ERROR_LINES);
  throw downloadFailure(version, exit, errors);
}

function downloadFailure(version: string, exit: ChildExit, errors: readonly string[]): Failure {
  return new Failure(
    'KAFKA_DOWNLOAD',
    `Maven could not fetch Apache Kafka ${version}: ${errors[0] ?? `it ${describeExit(exit)}`}; check the network (a mirror or proxy goes into ~/.m2/settings.xml) and try again, or use an existing cluster with --kafka-brokers`,
    { cause: new Error(errors.join('\n')), retriable: true },
  );
}
