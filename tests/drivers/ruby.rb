# The Ruby driver through the pooler: one line "ok NAME" or "not ok NAME: WHY" for each case.
require 'pg'

def connect(**more)
  PG.connect(host: '127.0.0.1', port: ENV.fetch('POOLER_PORT'), user: 'app', dbname: 'app',
             sslmode: 'disable', **more)
end

def with(count = 1, **more)
  links = Array.new(count) { connect(**more) }
  links.each { |link| link.set_notice_processor { |_| } }
  yield(*links)
ensure
  links&.each(&:close)
end

def must(condition, text = 'wrong reply')
  raise text unless condition
end

def fails(kind)
  yield
rescue kind
  nil
else
  raise "no #{kind}"
end

def value(result)
  result.getvalue(0, 0)
end

CASES = {
  'parameters' => lambda {
    with(2) do |one, two|
      50.times do |n|
        must value(one.exec_params("select 'one ' || $1::text", [n])) == "one #{n}"
        must value(two.exec_params("select 'two ' || $1::text", [n])) == "two #{n}"
      end
    end
  },
  # An unnamed statement, used in later transactions.
  'unnamed statement' => lambda {
    with(4) do |*links|
      20.times do |turn|
        links.each_with_index { |link, n| link.prepare('', "select '#{n}.#{turn} ' || $1::text") }
        links.each_with_index do |link, n|
          must value(link.exec_prepared('', [turn])) == "#{n}.#{turn} #{turn}"
        end
      end
    end
  },
  'named statements' => lambda {
    with(2) do |one, two|
      one.prepare('s', "select 'one ' || $1::text")
      two.prepare('s', "select 'two ' || $1::text")
      30.times do |n|
        must value(one.exec_prepared('s', [n])) == "one #{n}"
        must value(two.exec_prepared('s', [n])) == "two #{n}"
      end
      fails(PG::DuplicatePstatement) { one.prepare('s', 'select 1') }
      fails(PG::InvalidSqlStatementName) { one.exec_prepared('none', []) }
      must one.describe_prepared('s').nfields == 1
      must value(one.exec_prepared('s', ['end'])) == 'one end'
    end
  },
  'deallocate' => lambda {
    with(1) do |link|
      20.times do |n|
        link.prepare("a#{n}", "select #{n}")
        must value(link.exec_prepared("a#{n}")) == n.to_s
        link.exec("DEALLOCATE a#{n}")
        fails(PG::InvalidSqlStatementName) { link.exec_prepared("a#{n}") }
      end
      link.prepare('b', 'select 1')
      link.exec('DEALLOCATE ALL')
      fails(PG::InvalidSqlStatementName) { link.exec_prepared('b') }
      link.prepare('b', 'select 2')
      must value(link.exec_prepared('b')) == '2'
    end
  },
  'transactions' => lambda {
    with(1) do |link|
      link.exec('create table if not exists ruby_t (a int)')
      10.times do |n|
        link.transaction { |inner| inner.exec_params('insert into ruby_t values ($1)', [n]) }
        fails(PG::DivisionByZero) do
          link.transaction do |inner|
            inner.exec_params('insert into ruby_t values ($1)', [n])
            inner.exec('select 1/0')
          end
        end
      end
      must value(link.exec('select count(*) from ruby_t')) == '10'
      link.exec('drop table ruby_t')
    end
  },
  'errors' => lambda {
    with(1) do |link|
      10.times do |n|
        fails(PG::SyntaxError) { link.exec('selekt') }
        fails(PG::InvalidTextRepresentation) { link.exec_params('select $1::int', ['x']) }
        must value(link.exec_params('select $1::int', [n])) == n.to_s
      end
    end
  },
  'copy' => lambda {
    with(1) do |link|
      link.exec('create table if not exists ruby_c (a int, b text)')
      link.copy_data('copy ruby_c from stdin') { 3000.times { |n| link.put_copy_data("#{n}\tb\n") } }
      fails(PG::InvalidTextRepresentation) do
        link.copy_data('copy ruby_c from stdin') { 100.times { link.put_copy_data("x\ty\n") } }
      end
      count = 0
      link.copy_data('copy ruby_c to stdout') { count += 1 while link.get_copy_data }
      must count == 3000, "#{count} rows"
      link.exec('drop table ruby_c')
    end
  },
  'cancel' => lambda {
    with(1) do |link|
      5.times do |n|
        link.send_query('select pg_sleep(20)')
        sleep 0.05
        must link.cancel.nil?
        fails(PG::QueryCanceled) { link.get_last_result }
        must value(link.exec_params('select $1::int', [n])) == n.to_s
      end
    end
  },
  'pipeline' => lambda {
    with(1) do |link|
      link.enter_pipeline_mode
      30.times { |n| link.send_query_params('select $1::int', [n]) }
      link.pipeline_sync
      30.times do |n|
        must value(link.get_result) == n.to_s
        must link.get_result.nil?
      end
      must link.get_result.result_status == PG::PGRES_PIPELINE_SYNC
      link.exit_pipeline_mode
      must value(link.exec('select 1')) == '1'
    end
  },
  'single rows' => lambda {
    with(1) do |link|
      link.send_query('select generate_series(1, 2000)')
      link.set_single_row_mode
      seen = 0
      link.get_result.stream_each { |row| must row['generate_series'].to_i == (seen += 1) }
      must seen == 2000, "#{seen} rows"
      link.get_result
    end
  },
  'settings' => lambda {
    with(1, application_name: 'first') do |one|
      with(1, application_name: 'second') do |two|
        5.times do
          must value(one.exec('show application_name')) == 'first'
          must value(two.exec('show application_name')) == 'second'
        end
      end
    end
  },
  'threads' => lambda {
    threads = Array.new(15) do |worker|
      Thread.new do
        with(1) do |link|
          link.prepare('s', "select '#{worker} ' || $1::text")
          60.times do |turn|
            must value(link.exec_prepared('s', [turn])) == "#{worker} #{turn}"
            must value(link.exec_params('select $1::text', ["#{worker}.#{turn}"])) \
              == "#{worker}.#{turn}"
          end
        end
      end.tap { |thread| thread.report_on_exception = false }
    end
    threads.each(&:join)
  }
}.freeze

CASES.each do |name, work|
  work.call
  puts "ok #{name}"
rescue StandardError => e
  puts "not ok #{name}: #{e.class} #{e.message.gsub(/\s+/, ' ')}"
end
