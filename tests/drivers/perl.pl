#!/usr/bin/perl
# DBD::Pg through the pooler: one line "ok NAME" or "not ok NAME: WHY" for each case.
use strict;
use warnings;
use utf8;
use DBI;
use DBD::Pg qw(:async :pg_types);

sub connect_it {
    my %more = @_;
    return DBI->connect("dbi:Pg:host=127.0.0.1;port=$ENV{POOLER_PORT};dbname=app;sslmode=disable",
        'app', '', { RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoCommit => 1, %more });
}

sub must {
    my ($condition, $text) = @_;
    die(($text // 'wrong reply') . "\n") unless $condition;
}

sub fails {
    my ($link, $state, $work) = @_;
    must(!eval { $work->(); 1 }, "no error $state");
    must($link->state eq $state, $link->state . " instead of $state");
}

my @cases = (
    prepared => sub {
        my ($one, $two) = map { connect_it(pg_server_prepare => 1) } 1, 2;
        for my $turn (0 .. 20) {
            my $first = $one->prepare("select 'one $turn ' || ?::text");
            my $second = $two->prepare("select 'two $turn ' || ?::text");
            for my $n (1 .. 4) {
                must($one->selectrow_array($first, undef, $n) eq "one $turn $n");
                must($two->selectrow_array($second, undef, $n) eq "two $turn $n");
            }
        }
    },
    'prepared at once' => sub {
        my $link = connect_it(pg_switch_prepared => 0);
        for my $turn (0 .. 10) {
            my $statement = $link->prepare('select ?::int', { pg_prepare_now => 1 });
            must($link->selectrow_array($statement, undef, $turn) == $turn);
        }
    },
    'statements that end in a transaction' => sub {
        my $link = connect_it();
        $link->do('create table if not exists perl_d (a int)');
        $link->begin_work;
        for my $turn (1 .. 20) {
            my $statement = $link->prepare("insert into perl_d values (?) returning $turn",
                { pg_prepare_now => 1 });
            $statement->execute($turn);
            $statement->finish;
        }
        $link->commit;
        must($link->selectrow_array('select count(*) from perl_d') == 20,
            'the end of a statement broke its transaction');
        $link->do('drop table perl_d');
    },
    transactions => sub {
        my $link = connect_it(AutoCommit => 0);
        $link->do('create table if not exists perl_t (a int)');
        $link->commit;
        for my $turn (1 .. 6) {
            $link->do('insert into perl_t values (?)', undef, $turn);
            $link->pg_savepoint('point');
            fails($link, '22012', sub { $link->do('select 1/?::int', undef, 0) });
            $link->pg_rollback_to('point');
            $turn % 2 ? $link->commit : $link->rollback;
        }
        must($link->selectrow_array('select count(*) from perl_t') == 3);
        $link->do('drop table perl_t');
        $link->commit;
        $link->disconnect;
    },
    errors => sub {
        my $link = connect_it();
        for my $turn (1 .. 10) {
            fails($link, '42601', sub { $link->do('selekt') });
            fails($link, '22P02', sub { $link->selectrow_array('select ?::int', undef, 'x') });
            must($link->selectrow_array('select ?::int', undef, $turn) == $turn);
        }
    },
    types => sub {
        my $link = connect_it();
        my $statement = $link->prepare('select ?::int, ?::text, ?::bytea, ?::int[], null, ?::bool');
        $statement->bind_param(3, "\0\xff", { pg_type => PG_BYTEA });
        $statement->bind_param(1, 7);
        $statement->bind_param(2, 'täxt');
        $statement->bind_param(4, [1, 2]);
        $statement->bind_param(5, 't');
        $statement->execute;
        my @row = $statement->fetchrow_array;
        must($row[0] == 7 && $row[1] eq 'täxt' && $row[2] eq "\0\xff" && $row[3][1] == 2
            && !defined $row[4] && $row[5]);
    },
    copy => sub {
        my $link = connect_it();
        $link->do('create table if not exists perl_c (a int, b text)');
        $link->do('copy perl_c from stdin');
        $link->pg_putcopydata("$_\tb\n") for 1 .. 2000;
        $link->pg_putcopyend;
        $link->do('copy perl_c from stdin');
        $link->pg_putcopydata("x\ty\n");
        fails($link, '22P02', sub { $link->pg_putcopyend });
        $link->do('copy perl_c to stdout');
        my ($count, $line) = (0);
        $count++ while $link->pg_getcopydata($line) >= 0;
        must($count == 2000, "$count rows");
        $link->do('drop table perl_c');
    },
    cancel => sub {
        my $link = connect_it();
        for my $turn (1 .. 5) {
            $link->do('select pg_sleep(20)', { pg_async => PG_ASYNC });
            select(undef, undef, undef, 0.05);
            must($link->pg_cancel, 'not cancelled');
            must($link->selectrow_array('select ?::int', undef, $turn) == $turn);
        }
    },
    'many rows' => sub {
        my $rows = connect_it()->selectcol_arrayref('select n from generate_series(1, 20000) n');
        must(@$rows == 20000 && $rows->[-1] == 20000);
    },
    'many connections' => sub {
        my @links = map { connect_it() } 1 .. 25;
        my @statements = map { $links[$_]->prepare("select '$_ ' || ?::text") } 0 .. $#links;
        for my $turn (1 .. 20) {
            for my $n (0 .. $#links) {
                must($links[$n]->selectrow_array($statements[$n], undef, $turn) eq "$n $turn");
            }
        }
    },
    ping => sub {
        my $link = connect_it();
        must($link->ping);
        must(scalar(@{ [$link->tables(undef, 'pg_catalog', 'pg_class', 'TABLE')] }) >= 0);
    },
);

while (my ($name, $work) = splice @cases, 0, 2) {
    if (eval { local $SIG{__WARN__} = sub { }; $work->(); 1 }) {
        print "ok $name\n";
    } else {
        (my $why = $@) =~ s/\s+/ /g;
        print "not ok $name: $why\n";
    }
}
