package postgres

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// statements are the SQL of everything but the migrations, for one schema. Each
// parameter has its type written, since the simple protocol sends only text. No
// value is compared with a collation of its own: that of the column counts.
type statements struct {
	schema string // quoted

	begin, commit, rollback  string
	lock, known, heads       string // what a commit asks
	unlock, versions         string // what it writes
	born, changed, dead      string
	position, get, list, due string
	history, log             string
	trimLock, cursors, keys  string // what a trim asks
	drop, forget, first      string // what it does
}

// record are the columns that type columns reads.
const record = `v.kind, v.id, v.version, v.pos, v.data, v.due, v.deleted`

// current joins each record of l, which are live ones, with its version. Like
// the others below it is written so that it can only be done row by row through
// an index: a plan that is kept from when the tables were small would read them
// whole.
const current = `cross join lateral (
		select * from {schema}.versions c where c.kind = l.kind and c.id = l.id and c.version = l.version limit 1
	) v`

// head is the last version of each key of two arrays, kinds and IDs; a deletion
// is one too.
const head = `unnest($1::text[], $2::text[]) as k(kind, id) cross join lateral (
		select * from {schema}.versions h where h.kind = k.kind and h.id = k.id order by h.version desc limit 1
	) v`

func newStatements(schema string) statements {
	s := statements{schema: pgx.Identifier{schema}.Sanitize()}

	// Each statement of a read committed transaction sees what was committed
	// before the statement began. The first one waits for the lock, so all that
	// follow see everything up to the position that it returns.
	s.begin, s.commit, s.rollback = `begin isolation level read committed`, `commit`, `rollback`
	s.lock = s.expand(`update {schema}.store set pos = pos + $1::bigint where one and schema_version = $2::bigint returning pos - $1::bigint`)
	s.known = s.expand(`select v.batch, v.pos, v.digest from unnest($1::text[]) as b(id) cross join lateral (
		select * from {schema}.versions k where k.batch = b.id limit 1
	) v`)
	s.heads = s.expand(`select v.kind, v.id, v.version, v.deleted from ` + head)

	s.unlock = s.expand(`update {schema}.store set pos = $1::bigint where one`)
	s.versions = s.expand(`insert into {schema}.versions (pos, n, kind, id, version, data, due, deleted, batch, digest, note)
		select * from unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::bigint[], $6::bytea[], $7::bigint[], $8::boolean[],
			$9::text[], $10::bytea[], $11::bytea[])`)
	s.born = s.expand(`insert into {schema}.live (kind, id, version, due)
		select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])`)
	s.changed = s.born + ` on conflict (kind, id) do update set version = excluded.version, due = excluded.due`
	s.dead = s.expand(`delete from {schema}.live where kind = $1::text and id = $2::text`)

	// Every read is one statement, so it is one snapshot.
	s.position = s.expand(`select pos from {schema}.store where one`)
	s.get = s.expand(`select s.pos, ` + record + ` from {schema}.store s left join (select v.* from ` + head + `) v on true where s.one`)
	s.list = s.expand(`select ` + record + ` from (
		select * from {schema}.live where kind = $1::text and id > $2::text order by id limit $3::bigint
	) l ` + current + ` order by l.id`)
	s.due = s.expand(`select ` + record + ` from (
		select * from {schema}.live where kind = $1::text and due <= $2::bigint order by due, id limit $3::bigint
	) l ` + current + ` order by l.due, l.id`)
	s.history = s.expand(`select s.first, ` + record + ` from {schema}.store s left join (
			select * from {schema}.versions where kind = $1::text and id = $2::text and version > $3::bigint order by version limit $4::bigint
		) v on true
		where s.one order by v.version`)
	s.log = s.expand(`select s.first, v.batch, v.note, ` + record + `
		from {schema}.store s left join {schema}.versions v on v.pos > $1::bigint and v.pos <= $2::bigint
		where s.one order by v.pos, v.n`)

	s.trimLock = s.expand(`select pos, first from {schema}.store where one and schema_version = $1::bigint for update`)
	s.cursors = s.expand(`select ` + record + ` from (
		select * from {schema}.live where kind = $1::text
	) l ` + current)
	s.keys = s.expand(`select k.kind, k.id, h.version
		from (select distinct kind, id from {schema}.versions where pos >= $1::bigint and pos < $2::bigint) k
		cross join lateral (
			select * from {schema}.versions h where h.kind = k.kind and h.id = k.id order by h.version desc limit 1
		) h`)
	s.drop = s.expand(`delete from {schema}.versions where kind = $1::text and id = $2::text and version < $3::bigint and pos < $4::bigint`)
	s.forget = s.expand(`update {schema}.versions set batch = null, digest = null, note = null where pos >= $1::bigint and pos < $2::bigint`)
	s.first = s.expand(`update {schema}.store set first = $1::bigint where one`)
	return s
}

func (s *statements) expand(sql string) string {
	return strings.ReplaceAll(sql, "{schema}", s.schema)
}
