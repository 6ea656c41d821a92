// pgx and lib/pq through the pooler: one line "ok NAME" or "not ok NAME: WHY" for each case.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/lib/pq"
)

var target = fmt.Sprintf("host=127.0.0.1 port=%s user=app dbname=app sslmode=disable",
	os.Getenv("POOLER_PORT"))

// must ends the case with this text when the condition is false.
func must(condition bool, format string, values ...any) {
	if !condition {
		panic(fmt.Sprintf(format, values...))
	}
}

func good(err error) {
	must(err == nil, "%v", err)
}

func pgxState(err error) string {
	var answer *pgconn.PgError
	must(errors.As(err, &answer), "no PostgreSQL error but %v", err)
	return answer.Code
}

func pqState(err error) string {
	var answer *pq.Error
	must(errors.As(err, &answer), "no PostgreSQL error but %v", err)
	return string(answer.Code)
}

// ---- pgx ----

func withPgx(work func(context.Context, *pgx.Conn)) func() {
	return func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, target)
		good(err)
		defer conn.Close(ctx)
		work(ctx, conn)
	}
}

func pgxTypes(ctx context.Context, conn *pgx.Conn) {
	for turn := 0; turn < 10; turn++ {
		var i int
		var t string
		var b []byte
		var a []int32
		var f float64
		var n *string
		var at time.Time
		when := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
		good(conn.QueryRow(ctx, "select $1::int, $2::text, $3::bytea, $4::int[], $5::float8,"+
			" null::text, $6::timestamptz", turn, "täxt", []byte{0, 255}, []int32{1, 2}, 1.5,
			when).Scan(&i, &t, &b, &a, &f, &n, &at))
		must(i == turn && t == "täxt" && len(b) == 2 && b[1] == 255 && a[1] == 2 && f == 1.5 &&
			n == nil && at.Equal(when), "wrong values %v %v %v %v %v %v %v", i, t, b, a, f, n, at)
	}
}

func pgxModes(ctx context.Context, conn *pgx.Conn) {
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement,
		pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec,
		pgx.QueryExecModeSimpleProtocol} {
		for turn := 0; turn < 20; turn++ {
			var v int
			good(conn.QueryRow(ctx, "select $1::int + 1", mode, turn).Scan(&v))
			must(v == turn+1, "%v: %d instead of %d", mode, v, turn+1)
		}
	}
}

func pgxTransactions(ctx context.Context, conn *pgx.Conn) {
	_, err := conn.Exec(ctx, "create table if not exists go_pgx (a int)")
	good(err)
	_, err = conn.Exec(ctx, "truncate go_pgx")
	good(err)
	good(pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into go_pgx values ($1)", 1)
		good(err)
		nested := pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error {
			_, err := inner.Exec(ctx, "insert into go_pgx values ($1)", 2)
			good(err)
			_, err = inner.Exec(ctx, "select 1/0")
			return err
		})
		must(pgxState(nested) == "22012", "%v", nested)
		return nil
	}))
	var count int
	good(conn.QueryRow(ctx, "select count(*) from go_pgx").Scan(&count))
	must(count == 1, "%d rows", count)
	_, err = conn.Exec(ctx, "drop table go_pgx")
	good(err)
}

func pgxErrors(ctx context.Context, conn *pgx.Conn) {
	for turn := 0; turn < 10; turn++ {
		_, err := conn.Exec(ctx, "selekt")
		must(pgxState(err) == "42601", "%v", err)
		_, err = conn.Exec(ctx, "select 1/$1::int", 0)
		must(pgxState(err) == "22012", "%v", err)
		var v int
		good(conn.QueryRow(ctx, "select $1::int", turn).Scan(&v))
		must(v == turn, "%d", v)
	}
}

func pgxBatch(ctx context.Context, conn *pgx.Conn) {
	for turn := 0; turn < 5; turn++ {
		batch := &pgx.Batch{}
		for n := 0; n < 100; n++ {
			batch.Queue(fmt.Sprintf("select $1::int + %d", n%10), n)
		}
		results := conn.SendBatch(ctx, batch)
		for n := 0; n < 100; n++ {
			var v int
			good(results.QueryRow().Scan(&v))
			must(v == n+n%10, "%d: %d", n, v)
		}
		good(results.Close())
		broken := &pgx.Batch{}
		broken.Queue("select 1")
		broken.Queue("select 1/$1::int", 0)
		broken.Queue("select 2")
		must(conn.SendBatch(ctx, broken).Close() != nil, "no error of the batch")
	}
}

func pgxCopy(ctx context.Context, conn *pgx.Conn) {
	_, err := conn.Exec(ctx, "create table if not exists go_copy (a int, b text)")
	good(err)
	rows := [][]any{}
	for n := 0; n < 5000; n++ {
		rows = append(rows, []any{n, fmt.Sprint("b", n)})
	}
	count, err := conn.CopyFrom(ctx, pgx.Identifier{"go_copy"}, []string{"a", "b"},
		pgx.CopyFromRows(rows))
	good(err)
	must(count == 5000, "%d copied", count)
	var out strings.Builder
	tag, err := conn.PgConn().CopyTo(ctx, &out, "copy go_copy to stdout")
	good(err)
	must(tag.RowsAffected() == 5000, "%v", tag)
	_, err = conn.Exec(ctx, "drop table go_copy")
	good(err)
}

func pgxCancel(context.Context, *pgx.Conn) {
	ctx := context.Background()
	for turn := 0; turn < 5; turn++ {
		conn, err := pgx.Connect(ctx, target)
		good(err)
		short, stop := context.WithTimeout(ctx, 100*time.Millisecond)
		_, err = conn.Exec(short, "select pg_sleep(20)")
		must(err != nil, "not cancelled")
		stop()
		conn.Close(ctx)
	}
}

func pgxPool() {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(target + " pool_max_conns=25")
	good(err)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	good(err)
	defer pool.Close()
	together(40, func(worker int) {
		for turn := 0; turn < 50; turn++ {
			var v string
			good(pool.QueryRow(ctx, fmt.Sprintf("select '%d:' || $1::text", turn%7),
				fmt.Sprint(worker, ".", turn)).Scan(&v))
			must(v == fmt.Sprintf("%d:%d.%d", turn%7, worker, turn), "wrong reply %s", v)
		}
	})
}

// ---- lib/pq ----

func withPq(work func(*sql.DB)) func() {
	return func() {
		db, err := sql.Open("postgres", target)
		good(err)
		defer db.Close()
		work(db)
	}
}

// pqUnnamed: lib/pq sends Parse, Describe and Sync, reads the answer, then Bind.
func pqUnnamed(db *sql.DB) {
	db.SetMaxOpenConns(20)
	together(20, func(worker int) {
		for turn := 0; turn < 100; turn++ {
			var v string
			good(db.QueryRow(fmt.Sprintf("select '%d.%d ' || $1::text", worker, turn),
				turn).Scan(&v))
			must(v == fmt.Sprintf("%d.%d %d", worker, turn, turn), "wrong reply %s", v)
		}
	})
}

func pqPrepared(db *sql.DB) {
	db.SetMaxOpenConns(10)
	together(10, func(worker int) {
		statement, err := db.Prepare(fmt.Sprintf("select '%d ' || $1::text", worker))
		good(err)
		defer statement.Close()
		for turn := 0; turn < 50; turn++ {
			var v string
			good(statement.QueryRow(turn).Scan(&v))
			must(v == fmt.Sprintf("%d %d", worker, turn), "wrong reply %s", v)
		}
	})
}

func pqTransactions(db *sql.DB) {
	_, err := db.Exec("create table if not exists go_pq (a int)")
	good(err)
	for _, keep := range []bool{true, false} {
		tx, err := db.Begin()
		good(err)
		_, err = tx.Exec("insert into go_pq values ($1)", 1)
		good(err)
		if keep {
			good(tx.Commit())
		} else {
			_, err = tx.Exec("select 1/$1::int", 0)
			must(pqState(err) == "22012", "%v", err)
			good(tx.Rollback())
		}
	}
	var count int
	good(db.QueryRow("select count(*) from go_pq").Scan(&count))
	must(count == 1, "%d rows", count)
	_, err = db.Exec("drop table go_pq")
	good(err)
}

func pqErrors(db *sql.DB) {
	db.SetMaxOpenConns(1)
	for turn := 0; turn < 10; turn++ {
		_, err := db.Exec("selekt $1", turn)
		must(pqState(err) == "42601", "%v", err)
		_, err = db.Query("select $1::int", "no number")
		must(pqState(err) == "22P02", "%v", err)
		var v int
		good(db.QueryRow("select $1::int", turn).Scan(&v))
		must(v == turn, "%d", v)
	}
}

func pqCopy(db *sql.DB) {
	_, err := db.Exec("create table if not exists go_pq_copy (a int, b text)")
	good(err)
	tx, err := db.Begin()
	good(err)
	statement, err := tx.Prepare(pq.CopyIn("go_pq_copy", "a", "b"))
	good(err)
	for n := 0; n < 3000; n++ {
		_, err = statement.Exec(n, "row")
		good(err)
	}
	_, err = statement.Exec()
	good(err)
	good(statement.Close())
	good(tx.Commit())
	var count int
	good(db.QueryRow("select count(*) from go_pq_copy").Scan(&count))
	must(count == 3000, "%d rows", count)
	_, err = db.Exec("drop table go_pq_copy")
	good(err)
}

func pqCancel(db *sql.DB) {
	for turn := 0; turn < 5; turn++ {
		ctx, stop := context.WithTimeout(context.Background(), 100*time.Millisecond)
		_, err := db.ExecContext(ctx, "select pg_sleep(20)")
		must(err != nil, "not cancelled")
		stop()
		var v int
		good(db.QueryRow("select $1::int", turn).Scan(&v))
		must(v == turn, "%d", v)
	}
}

// ---- running them ----

// together runs the work in so many goroutines; the first trouble of any is the case's.
func together(count int, work func(int)) {
	var group sync.WaitGroup
	troubles := make(chan any, count)
	for worker := 0; worker < count; worker++ {
		group.Add(1)
		go func(worker int) {
			defer group.Done()
			defer func() {
				if trouble := recover(); trouble != nil {
					troubles <- trouble
				}
			}()
			work(worker)
		}(worker)
	}
	group.Wait()
	close(troubles)
	for trouble := range troubles {
		panic(trouble)
	}
}

func run(name string, work func()) {
	defer func() {
		if trouble := recover(); trouble != nil {
			fmt.Printf("not ok %s: %v\n", name, trouble)
			return
		}
		fmt.Printf("ok %s\n", name)
	}()
	work()
}

func main() {
	run("pgx types", withPgx(pgxTypes))
	run("pgx modes", withPgx(pgxModes))
	run("pgx transactions", withPgx(pgxTransactions))
	run("pgx errors", withPgx(pgxErrors))
	run("pgx batch", withPgx(pgxBatch))
	run("pgx copy", withPgx(pgxCopy))
	run("pgx cancel", withPgx(pgxCancel))
	run("pgx pool", pgxPool)
	run("pq unnamed", withPq(pqUnnamed))
	run("pq prepared", withPq(pqPrepared))
	run("pq transactions", withPq(pqTransactions))
	run("pq errors", withPq(pqErrors))
	run("pq copy", withPq(pqCopy))
	run("pq cancel", withPq(pqCancel))
}
