import {spawnSync} from 'node:child_process';
const b1="date_bin('1 second', captured_at, '2000-01-01Z'::timestamptz)", b10="date_bin('10 seconds', captured_at, '2000-01-01Z'::timestamptz)";
const J=a=>JSON.stringify(a);
const two=['(captured_at)',`(source,(${b1}))`,`(destination,(${b1}))`];
const rest=['USING brin (source_port int4_bloom_ops (n_distinct_per_range = 3000, false_positive_rate = 0.02), destination_port int4_bloom_ops (n_distinct_per_range = 3000, false_positive_rate = 0.02)) WITH (pages_per_range = 128)','(ip_protocol, captured_at) WHERE ip_protocol <> 6'];
const ports=[`(destination_port,(${b1})) WHERE destination_port < 32768 AND destination_port NOT IN (53,80,443)`,`(source_port,(${b1})) WHERE source_port < 32768 AND source_port NOT IN (53,80,443)`];
spawnSync('node',['exp.mjs','ts+src+dst',J(two),'full',J([...two,...rest]),J([...two,...rest,...ports])],{stdio:'inherit'});
