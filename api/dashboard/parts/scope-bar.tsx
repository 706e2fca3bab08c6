/** What the page looks at: time, search, site and node, all of them in the address. */
import { useWorkplace } from '../data/workplace.js';
import { SearchBox } from './search-box.js';
import { TimeMenu } from './time-menu.js';

export function ScopeBar() {
  const { nodes, scope, address } = useWorkplace();
  const sites = [...new Set(nodes.map(({ site }) => site ?? ''))].filter((site) => site !== '').sort();
  const choices = nodes.filter(({ site }) => scope.site === '' || site === scope.site);
  const known = choices.some(({ capture_node: name }) => name === scope.node);
  return (
    <search class="scope-bar">
      <TimeMenu />
      <SearchBox />
      {(sites.length > 1 || scope.site !== '') && (
        <label class="field">
          Site
          <select
            id="site"
            value={scope.site}
            onChange={(event) => address.change({ site: event.currentTarget.value, node: null })}
          >
            <option value="">all</option>
            {[...new Set([...sites, scope.site])]
              .filter((site) => site !== '')
              .map((site) => (
                <option key={site}>{site}</option>
              ))}
          </select>
        </label>
      )}
      {(nodes.length > 1 || scope.node !== '') && (
        <label class="field">
          Node
          <select
            id="node"
            value={scope.node}
            onChange={(event) => address.change({ node: event.currentTarget.value })}
          >
            <option value="">all</option>
            {scope.node !== '' && !known && <option>{scope.node}</option>}
            {choices.map(({ capture_node: name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
    </search>
  );
}
