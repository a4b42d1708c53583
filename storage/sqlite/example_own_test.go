package sqlite_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"time"
)

// A ticket is a machine like any other in this module: a pure function of state,
// input and time that says what is to be done.
type ticket struct {
	Open     bool
	Remind   time.Time // when to remind the owner again; zero: never
	Reminded int
}

// stepTicket opens a ticket at the input "open", closes it at "close", and
// reminds at any other.
func stepTicket(s ticket, input string, now time.Time) (next ticket, effects []string) {
	switch {
	case input == "open":
		return ticket{Open: true, Remind: now.Add(time.Hour)}, nil
	case input == "close":
		return ticket{Reminded: s.Reminded}, nil
	case !s.Open || now.Before(s.Remind):
		return s, nil
	}
	s.Reminded++
	s.Remind = s.Remind.Add(time.Hour) // chained, so that it does not drift
	return s, []string{fmt.Sprintf("reminder-%d", s.Reminded)}
}

// Without this module's storage: state, the time at which it is due and its
// effects in three statements of one's own transaction, beside one's own tables.
func Example_ownTransaction() {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection to :memory: is a database of its own
	must := func(_ sql.Result, err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	must(db.Exec(`create table tickets (id text primary key, state text not null, due integer);
		create table effects (id text primary key, done integer not null default 0)`))

	step := func(id, input string, now time.Time) {
		tx, err := db.Begin()
		if err != nil {
			log.Fatal(err)
		}
		defer tx.Rollback() // does nothing after the commit
		var state ticket
		var text string
		err = tx.QueryRow(`select state from tickets where id = ?`, id).Scan(&text)
		if err == nil {
			err = json.Unmarshal([]byte(text), &state)
		} else if err == sql.ErrNoRows {
			err = nil // a new ticket
		}
		if err != nil {
			log.Fatal(err)
		}
		state, effects := stepTicket(state, input, now)
		data, _ := json.Marshal(state)
		var due any // null: never
		if !state.Remind.IsZero() {
			due = state.Remind.Unix()
		}
		must(tx.Exec(`insert into tickets values (?1, ?2, ?3) on conflict (id) do update set state = ?2, due = ?3`, id, string(data), due))
		for _, e := range effects {
			must(tx.Exec(`insert into effects (id) values (?) on conflict do nothing`, id+"/"+e))
		}
		if err := tx.Commit(); err != nil {
			log.Fatal(err)
		}
	}

	nine := time.Date(2026, 3, 6, 9, 0, 0, 0, time.UTC)
	step("t1", "open", nine)
	// Any process asks the table what is due, also what fell due while none ran.
	for now := nine.Add(2 * time.Hour); ; {
		var id string
		if err := db.QueryRow(`select id from tickets where due <= ? order by due limit 1`, now.Unix()).Scan(&id); err != nil {
			break
		}
		step(id, "tick", now)
	}
	step("t1", "close", nine.Add(3*time.Hour))

	rows, err := db.Query(`select id from effects where not done order by id`)
	if err != nil {
		log.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			log.Fatal(err)
		}
		fmt.Println("to do:", id)
	}
	// Output:
	// to do: t1/reminder-1
	// to do: t1/reminder-2
}
