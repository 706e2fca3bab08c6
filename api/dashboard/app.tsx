/** The shell: what all pages share is made here once, and the page of the address is drawn within it. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { CaptureNode } from '../routes/nodes.js';
import { useAddressBar } from './data/address.js';
import { AlertStream } from './data/alert-stream.js';
import type { Answer } from './data/answer.js';
import { Api, ApiError, isRefused, takeTokenFromAddress } from './data/api.js';
import { calls } from './data/calls.js';
import { usePreferences } from './data/preferences.js';
import { readScope } from './data/scope.js';
import { useLooked } from './data/use-looked.js';
import { MayDecideProvider } from './data/use-may-decide.js';
import { type Workplace, WorkplaceContext } from './data/workplace.js';
import { findPage } from './pages.js';
import { Footer, Header } from './parts/header.js';
import { type Notice, Notices, OutageBanner } from './parts/notices.js';
import { ScopeBar } from './parts/scope-bar.js';
import { Empty } from './parts/states.js';
import { TokenDialog, type TokenQuestion } from './parts/token-dialog.js';
import { createTimeWords } from './words/times.js';

const NODES_EVERY_MS = 30_000;
const NOTICE_MS = 10_000;

/** The API, and the question for its token while there is one. */
function useApi(): { api: Api; question: TokenQuestion | null; isReady: boolean } {
  const [question, setQuestion] = useState<TokenQuestion | null>(null);
  const [isReady, setReady] = useState(false);
  const api = useMemo(
    () =>
      new Api(
        (reason) =>
          new Promise((resolve) => {
            setQuestion({
              reason,
              answer: (token) => {
                setQuestion(null);
                resolve(token);
              },
            });
          }),
      ),
    [],
  );
  useEffect(() => {
    const token = takeTokenFromAddress();
    if (token === null) return setReady(true);
    // Whatever becomes of it, the page asks when it needs one.
    void api
      .take(token)
      .catch(() => undefined)
      .finally(() => setReady(true));
  }, [api]);
  return { api, question, isReady };
}

function useIsVisible(): boolean {
  const [isVisible, setVisible] = useState(() => !document.hidden);
  useEffect(() => {
    const follow = (): void => setVisible(!document.hidden);
    document.addEventListener('visibilitychange', follow);
    return () => document.removeEventListener('visibilitychange', follow);
  }, []);
  return isVisible;
}

/** The capture nodes, asked for by the shell since every page needs them. */
function useNodes(api: Api, isLive: boolean): Answer<readonly CaptureNode[]> {
  const [state, setState] = useState<Pick<Answer<readonly CaptureNode[]>, 'data' | 'problem'>>({
    data: null,
    problem: null,
  });
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  // What was refused for want of a token is asked for again once there is one.
  useEffect(() => api.onSession(reload), [api, reload]);
  useEffect(() => {
    if (!isLive) return;
    const controller = new AbortController();
    const load = async (): Promise<void> => {
      try {
        const { nodes } = await api.call(calls.nodes(), controller.signal);
        setState({ data: nodes, problem: null });
      } catch (error) {
        if (controller.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        setState((before) => ({ data: isRefused(error) ? null : before.data, problem: error }));
      }
    };
    void load();
    const timer = setInterval(load, NODES_EVERY_MS);
    return () => {
      controller.abort();
      clearInterval(timer);
    };
  }, [api, isLive, round]);
  return useMemo(() => ({ ...state, isStale: false, reload }), [state, reload]);
}

function useNotices(): { notices: readonly Notice[]; notify: Workplace['notify']; dismiss: (id: number) => void } {
  const [notices, setNotices] = useState<readonly Notice[]>([]);
  const next = useRef(0);
  const dismiss = useCallback((id: number) => setNotices((all) => all.filter((notice) => notice.id !== id)), []);
  const notify = useCallback(
    (text: string, undo?: () => void) => {
      const id = next.current++;
      setNotices((all) => [...all.slice(-2), { id, text, undo }]);
      setTimeout(() => dismiss(id), NOTICE_MS);
    },
    [dismiss],
  );
  return { notices, notify, dismiss };
}

export function App() {
  const { api, question, isReady } = useApi();
  return (
    <>
      {isReady && <Shell api={api} />}
      {question !== null && <TokenDialog question={question} api={api} />}
    </>
  );
}

function Shell({ api }: { readonly api: Api }) {
  const address = useAddressBar();
  const [preferences, setPreferences] = usePreferences();
  const [isPaused, setPaused] = useState(false);
  const isLive = useIsVisible() && !isPaused;
  const { notices, notify, dismiss } = useNotices();
  const stream = useMemo(() => new AlertStream(), []);
  useEffect(() => {
    if (isLive) stream.open();
    else stream.close();
  }, [stream, isLive]);
  useEffect(() => () => stream.close(), [stream]);
  const nodesAnswer = useNodes(api, isLive);
  const nodes = nodesAnswer.data;
  const asked = useMemo(() => readScope(address.query), [address.query]);
  const { scope, looked } = useLooked(api, asked, nodes);
  const times = useMemo(() => createTimeWords(preferences.zone), [preferences.zone]);
  const workplace = useMemo(
    (): Workplace => ({
      ...{ api, stream, address, scope, looked, times, preferences, setPreferences },
      ...{ isLive, isPaused, setPaused, notify, nodes: nodes ?? [], nodesAnswer },
    }),
    [api, stream, address, scope, looked, times, preferences, setPreferences, isLive, isPaused, notify, nodesAnswer],
  );
  const found = findPage(address.path);
  const title = found?.page.title ?? 'No such page';
  const Page = found?.page.component;
  return (
    <WorkplaceContext.Provider value={workplace}>
      <MayDecideProvider>
        <a class="skip" href="#main">
          Skip to the page
        </a>
        <Header title={title} />
        <OutageBanner />
        {found?.page.isScoped && <ScopeBar />}
        <main id="main" tabIndex={-1}>
          {found && Page ? (
            <Page key={found.page.path + Object.values(found.properties.path).join('/')} {...found.properties} />
          ) : (
            <Empty title="There is no such page">
              Go to the <a href="/">overview</a>, or choose a page above.
            </Empty>
          )}
        </main>
        <Footer />
        <Notices notices={notices} onDismiss={dismiss} />
      </MayDecideProvider>
    </WorkplaceContext.Provider>
  );
}
