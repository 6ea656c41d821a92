<?php
// PDO and pgsql of PHP through the pooler: one line "ok NAME" or "not ok NAME: WHY" for each case.

function connect(array $more = []): PDO
{
    return new PDO('pgsql:host=127.0.0.1;sslmode=disable;dbname=app;port='
        . getenv('POOLER_PORT'), 'app', '', [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION] + $more);
}

function must(bool $condition, string $text = 'wrong reply'): void
{
    if (!$condition) {
        throw new Exception($text);
    }
}

function fails(string $state, callable $work): void
{
    try {
        $work();
    } catch (PDOException $error) {
        must($error->getCode() === $state, "{$error->getCode()} instead of $state: "
            . $error->getMessage());
        return;
    }
    throw new Exception("no error $state");
}

$cases = [
    // PDO prepares under a name, and says DEALLOCATE when the statement goes.
    'prepared' => function () {
        $one = connect();
        $two = connect();
        for ($turn = 0; $turn < 30; $turn++) {
            $first = $one->prepare("select 'one $turn ' || ?::text");
            $second = $two->prepare("select 'two $turn ' || ?::text");
            foreach ([1, 2, 3] as $n) {
                $first->execute([$n]);
                $second->execute([$n]);
                must($first->fetchColumn() === "one $turn $n");
                must($second->fetchColumn() === "two $turn $n");
            }
        }
    },
    'statements that end in a transaction' => function () {
        $link = connect();
        $link->exec('create table if not exists php_d (a int)');
        $link->beginTransaction();
        for ($turn = 0; $turn < 20; $turn++) {
            $statement = $link->prepare('insert into php_d values (?)');
            $statement->execute([$turn]);
            $statement = null;
        }
        $link->commit();
        must((int) $link->query('select count(*) from php_d')->fetchColumn() === 20,
            'the end of a statement broke its transaction');
        $link->exec('drop table php_d');
    },
    'named parameters' => function () {
        $link = connect();
        $statement = $link->prepare('select :a::int + :b::int');
        for ($turn = 0; $turn < 20; $turn++) {
            $statement->execute(['a' => $turn, 'b' => 1]);
            must((int) $statement->fetchColumn() === $turn + 1);
        }
    },
    'other ways of preparing' => function () {
        foreach ([PDO::ATTR_EMULATE_PREPARES, PDO::PGSQL_ATTR_DISABLE_PREPARES] as $way) {
            $link = connect([$way => true]);
            for ($turn = 0; $turn < 20; $turn++) {
                $statement = $link->prepare('select ?::int');
                $statement->execute([$turn]);
                must((int) $statement->fetchColumn() === $turn);
            }
        }
    },
    'transactions' => function () {
        $link = connect();
        $link->exec('create table if not exists php_t (a int)');
        foreach ([true, false] as $keep) {
            $link->beginTransaction();
            $link->prepare('insert into php_t values (?)')->execute([1]);
            if (!$keep) {
                fails('22012', fn () => $link->query('select 1/0'));
                fails('25P02', fn () => $link->query('select 1'));
            }
            $keep ? $link->commit() : $link->rollBack();
        }
        must((int) $link->query('select count(*) from php_t')->fetchColumn() === 1);
        $link->exec('drop table php_t');
    },
    'errors' => function () {
        $link = connect();
        for ($turn = 0; $turn < 10; $turn++) {
            fails('42601', fn () => $link->query('selekt'));
            fails('22P02', fn () => $link->prepare('select ?::int')->execute(['x']));
            fails('42703', fn () => $link->prepare('select nothing')->execute());
            must((int) $link->query("select $turn")->fetchColumn() === $turn);
        }
    },
    'types' => function () {
        $link = connect();
        $statement = $link->prepare('select ?::int, ?::text, ?::bool, null, ?::bytea, ?::numeric');
        $statement->bindValue(1, 7, PDO::PARAM_INT);
        $statement->bindValue(2, 'täxt');
        $statement->bindValue(3, true, PDO::PARAM_BOOL);
        $statement->bindValue(4, "\0\xff", PDO::PARAM_LOB);
        $statement->bindValue(5, '1.25');
        $statement->execute();
        $row = $statement->fetch(PDO::FETCH_NUM);
        must($row[0] === 7 && $row[1] === 'täxt' && $row[2] === true && $row[3] === null
            && stream_get_contents($row[4]) === "\0\xff" && $row[5] === '1.25');
    },
    'copy' => function () {
        $link = connect();
        $link->exec('create table if not exists php_c (a int, b text)');
        must($link->pgsqlCopyFromArray('php_c', array_map(fn ($n) => "$n\tb", range(1, 2000))));
        must(count($link->pgsqlCopyToArray('php_c')) === 2000);
        fails('22P02', fn () => $link->pgsqlCopyFromArray('php_c', ["x\ty"]));
        must((int) $link->query('select count(*) from php_c')->fetchColumn() === 2000);
        $link->exec('drop table php_c');
    },
    'many rows' => function () {
        $rows = connect()->query('select n from generate_series(1, 20000) n')
            ->fetchAll(PDO::FETCH_COLUMN);
        must(count($rows) === 20000 && end($rows) === 20000);
    },
    'pg_* functions' => function () {
        $links = array_map(fn () => pg_connect('host=127.0.0.1 sslmode=disable user=app dbname=app'
            . ' port=' . getenv('POOLER_PORT'), PGSQL_CONNECT_FORCE_NEW), range(1, 3));
        for ($turn = 0; $turn < 20; $turn++) {
            foreach ($links as $n => $link) {
                must((bool) pg_prepare($link, '', "select '$n.$turn ' || \$1::text"));
            }
            foreach ($links as $n => $link) {
                $result = pg_execute($link, '', [$turn]);
                must(pg_fetch_result($result, 0, 0) === "$n.$turn $turn");
                $result = pg_query_params($link, 'select $1::int', [$turn]);
                must(pg_fetch_result($result, 0, 0) === (string) $turn);
            }
        }
        must(pg_send_query($links[0], 'select pg_sleep(20)'));
        usleep(50000);
        must(pg_cancel_query($links[0]), 'not cancelled');
        must(pg_fetch_result(pg_query($links[0], 'select 1'), 0, 0) === '1');
    },
    'many connections' => function () {
        $links = array_map(fn () => connect(), range(1, 30));
        $statements = [];
        foreach ($links as $n => $link) {
            $statements[] = $link->prepare("select '$n ' || ?::text");
        }
        for ($turn = 0; $turn < 20; $turn++) {
            foreach ($statements as $n => $statement) {
                $statement->execute([$turn]);
                must($statement->fetchColumn() === "$n $turn");
            }
        }
    },
];

foreach ($cases as $name => $work) {
    try {
        $work();
        echo "ok $name\n";
    } catch (Throwable $trouble) {
        echo "not ok $name: ", preg_replace('/\s+/', ' ', $trouble->getMessage()), "\n";
    }
}
