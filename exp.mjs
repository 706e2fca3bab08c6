import pg from 'pg'; import fs from 'node:fs'; import {from as copyFrom} from 'pg-copy-streams'; import {pipeline} from 'node:stream/promises';
const c=JSON.parse(fs.readFileSync('/tmp/h/me/pg.json'));
const DDL={
 none:[], ts:['(captured_at)'],
 'ts+src':['(captured_at)','(source, captured_at)'],
 'ts+src+dst':['(captured_at)','(source, captured_at)','(destination, captured_at)'],
 'noTime':['(captured_at)','(source)','(destination)'],
 full:['(captured_at)','(source, captured_at)','(destination, captured_at)','USING brin (source_port int4_bloom_ops (n_distinct_per_range = 3000, false_positive_rate = 0.02), destination_port int4_bloom_ops (n_distinct_per_range = 3000, false_positive_rate = 0.02)) WITH (pages_per_range = 128)','(ip_protocol, captured_at) WHERE ip_protocol <> 6'],
 'ts+bloom':['(captured_at)','USING brin (source inet_bloom_ops(n_distinct_per_range = 3000, false_positive_rate = 0.02), destination inet_bloom_ops(n_distinct_per_range = 3000, false_positive_rate = 0.02)) WITH (pages_per_range = 128)'],
};
const which=process.argv.slice(2);
const cpu=pid=>{const f=fs.readFileSync(`/proc/${pid}/stat`,'utf8').split(') ')[1].split(' ');return (+f[11]+ +f[12])/100};
for(const w of which){
 const cl=new pg.Client({...c,database:'exp'}); await cl.connect();
 await cl.query('DROP TABLE IF EXISTS t; CREATE TABLE t (LIKE packets)');
 for(const d of DDL[w]??eval(w)) await cl.query('CREATE INDEX ON t '+d);
 const pid=cl.processID; const a=cpu(pid), t=performance.now();
 await cl.query('BEGIN; SET LOCAL synchronous_commit=off');
 const s=cl.query(copyFrom('COPY t FROM STDIN (FORMAT binary)'));
 await pipeline(fs.createReadStream(process.env.F??'/tmp/h/me/rows.bin',{highWaterMark:1<<18}),s);
 await cl.query('COMMIT');
 const b=cpu(pid);
 const {rows:[r]}=await cl.query("select pg_relation_size('t') h, pg_indexes_size('t') i");
 console.log(w.slice(0,60).padEnd(20),(b-a).toFixed(2),'µs/row', ((performance.now()-t)/1000).toFixed(1),'s wall; heap',(r.h/1e6)|0,'B/row idx',(r.i/1e6)|0);
 await cl.end();
}
