// The JDBC driver through the pooler: one line "ok NAME" or "not ok NAME: WHY" for each case.

import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.postgresql.PGConnection;

public class Jdbc {
	private interface Case {
		void run() throws Exception;
	}

	private static Connection connect(String options) throws SQLException {
		return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:"
				+ System.getenv("POOLER_PORT") + "/app?user=app&sslmode=disable" + options);
	}

	private static void must(boolean condition, String text) {
		if (!condition) {
			throw new AssertionError(text);
		}
	}

	private static void fails(String state, Case work) throws Exception {
		try {
			work.run();
		} catch (SQLException trouble) {
			must(state.equals(trouble.getSQLState()), trouble.getSQLState() + " " + trouble);
			return;
		}
		throw new AssertionError("no error " + state);
	}

	private static long number(Connection connection, String query) throws SQLException {
		try (Statement statement = connection.createStatement();
				ResultSet result = statement.executeQuery(query)) {
			result.next();
			return result.getLong(1);
		}
	}

	// From the fifth use on the driver prepares under a name (S_1, S_2, ...).
	private static void prepared() throws Exception {
		try (Connection one = connect("&prepareThreshold=1"); Connection two = connect("")) {
			for (int turn = 0; turn < 12; turn++) {
				for (int text = 0; text < 4; text++) {
					same(one, "one " + text, turn);
					same(two, "two " + (3 - text), turn);
				}
			}
			try (PreparedStatement kept = one.prepareStatement("select ?::int * 2")) {
				for (int turn = 0; turn < 30; turn++) {
					kept.setInt(1, turn);
					try (ResultSet result = kept.executeQuery()) {
						result.next();
						must(result.getInt(1) == 2 * turn, "wrong value");
					}
					same(two, "between", turn);
				}
			}
		}
	}

	private static void same(Connection connection, String text, int turn) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(
				"select '" + text + "', ?::int")) {
			statement.setInt(1, turn);
			try (ResultSet result = statement.executeQuery()) {
				result.next();
				must(text.equals(result.getString(1)) && result.getInt(2) == turn,
						"wrong reply " + result.getString(1));
			}
		}
	}

	private static void manyStatements() throws Exception {
		try (Connection connection = connect("&prepareThreshold=1&preparedStatementCacheQueries=5")) {
			for (int turn = 0; turn < 60; turn++) {
				same(connection, "text " + turn % 20, turn);
			}
		}
	}

	private static void queryModes() throws Exception {
		for (String mode : new String[] {"simple", "extended", "extendedForPrepared",
				"extendedCacheEverything"}) {
			try (Connection connection = connect("&preferQueryMode=" + mode)) {
				for (int turn = 0; turn < 10; turn++) {
					same(connection, mode, turn);
					must(number(connection, "select 5") == 5, mode);
				}
			}
		}
	}

	private static void types() throws Exception {
		try (Connection connection = connect("&prepareThreshold=-1");
				PreparedStatement statement = connection.prepareStatement("select ?::int, ?::text,"
						+ " ?::bytea, ?::timestamptz, ?::numeric, ?::bool, ?::int[], null")) {
			java.sql.Timestamp when = java.sql.Timestamp.valueOf("2024-02-29 12:00:00");
			for (int turn = 0; turn < 10; turn++) {
				statement.setInt(1, turn);
				statement.setString(2, "täxt");
				statement.setBytes(3, new byte[] {0, -1});
				statement.setTimestamp(4, when);
				statement.setBigDecimal(5, new java.math.BigDecimal("1.25"));
				statement.setBoolean(6, true);
				statement.setArray(7, connection.createArrayOf("int4", new Integer[] {1, 2}));
				try (ResultSet result = statement.executeQuery()) {
					result.next();
					must(result.getInt(1) == turn && "täxt".equals(result.getString(2))
							&& result.getBytes(3)[1] == -1 && when.equals(result.getTimestamp(4))
							&& result.getBigDecimal(5).toString().equals("1.25")
							&& result.getBoolean(6) && ((Integer[]) result.getArray(7).getArray())[1] == 2
							&& result.getString(8) == null, "wrong values");
				}
			}
		}
	}

	private static void transactions() throws Exception {
		try (Connection connection = connect("&prepareThreshold=1")) {
			connection.createStatement().execute("create table if not exists jdbc_t (a int)");
			connection.setAutoCommit(false);
			try (PreparedStatement insert = connection.prepareStatement(
					"insert into jdbc_t values (?)")) {
				for (int turn = 0; turn < 10; turn++) {
					insert.setInt(1, turn);
					insert.executeUpdate();
					Savepoint point = connection.setSavepoint();
					fails("22012", () -> number(connection, "select 1/0"));
					connection.rollback(point);
					if (turn % 2 == 0) {
						connection.commit();
					} else {
						connection.rollback();
					}
				}
			}
			must(number(connection, "select count(*) from jdbc_t") == 5, "rows are missing");
			connection.commit();
			connection.setAutoCommit(true);
			connection.createStatement().execute("drop table jdbc_t");
		}
	}

	private static void autosave() throws Exception {
		try (Connection connection = connect("&autosave=always&prepareThreshold=1")) {
			connection.setAutoCommit(false);
			for (int turn = 0; turn < 10; turn++) {
				fails("22012", () -> number(connection, "select 1/0"));
				same(connection, "after an error", turn);
			}
			connection.commit();
		}
	}

	private static void errors() throws Exception {
		try (Connection connection = connect("&prepareThreshold=1")) {
			for (int turn = 0; turn < 10; turn++) {
				fails("42601", () -> number(connection, "selekt"));
				fails("42P01", () -> number(connection, "select a from nowhere"));
				same(connection, "fine", turn);
			}
		}
	}

	private static void batch() throws Exception {
		for (String rewrite : new String[] {"", "&reWriteBatchedInserts=true"}) {
			try (Connection connection = connect("&prepareThreshold=1" + rewrite)) {
				connection.createStatement().execute("create table if not exists jdbc_b (a int)");
				connection.createStatement().execute("truncate jdbc_b");
				try (PreparedStatement insert = connection.prepareStatement(
						"insert into jdbc_b values (?)")) {
					for (int block = 0; block < 5; block++) {
						for (int n = 0; n < 700; n++) {
							insert.setInt(1, n);
							insert.addBatch();
						}
						must(insert.executeBatch().length == 700, "batch");
					}
				}
				must(number(connection, "select count(*) from jdbc_b") == 3500, "rows are missing");
				fails("22P02", () -> {
					Statement statement = connection.createStatement();
					statement.addBatch("insert into jdbc_b values (1)");
					statement.addBatch("insert into jdbc_b values ('x')");
					statement.executeBatch();
				});
				connection.createStatement().execute("drop table jdbc_b");
			}
		}
	}

	// A portal with a name, read in pieces over several round trips.
	private static void fetchSize() throws Exception {
		try (Connection connection = connect("")) {
			connection.setAutoCommit(false);
			try (PreparedStatement statement = connection.prepareStatement(
					"select n from generate_series(1, ?) n")) {
				statement.setFetchSize(50);
				for (int turn = 0; turn < 8; turn++) {
					statement.setInt(1, 1000);
					try (ResultSet result = statement.executeQuery()) {
						int expected = 0;
						while (result.next()) {
							must(result.getInt(1) == ++expected, "wrong row");
						}
						must(expected == 1000, expected + " rows");
					}
					connection.commit();
				}
			}
		}
	}

	private static void copy() throws Exception {
		try (Connection connection = connect("")) {
			connection.createStatement().execute("create table if not exists jdbc_c (a int, b text)");
			org.postgresql.copy.CopyManager manager =
					connection.unwrap(PGConnection.class).getCopyAPI();
			StringBuilder rows = new StringBuilder();
			for (int n = 0; n < 5000; n++) {
				rows.append(n).append("\trow\n");
			}
			must(manager.copyIn("copy jdbc_c from stdin", new StringReader(rows.toString())) == 5000,
					"copy in");
			fails("22P02", () -> manager.copyIn("copy jdbc_c from stdin",
					new StringReader("x\ty\n" + rows)));
			StringWriter out = new StringWriter();
			must(manager.copyOut("copy jdbc_c to stdout", out) == 5000, "copy out");
			must(out.toString().split("\n").length == 5000, "lines");
			connection.createStatement().execute("drop table jdbc_c");
		}
	}

	private static void timeout() throws Exception {
		try (Connection connection = connect("")) {
			for (int turn = 0; turn < 2; turn++) {
				try (Statement statement = connection.createStatement()) {
					statement.setQueryTimeout(1);
					fails("57014", () -> statement.executeQuery("select pg_sleep(20)"));
				}
				same(connection, "after the cancel", turn);
			}
		}
	}

	private static void settings() throws Exception {
		try (Connection one = connect("&ApplicationName=first");
				Connection two = connect("&ApplicationName=second")) {
			for (int turn = 0; turn < 5; turn++) {
				for (Connection connection : new Connection[] {one, two}) {
					try (ResultSet result = connection.createStatement().executeQuery(
							"show application_name")) {
						result.next();
						must(result.getString(1).equals(connection == one ? "first" : "second"),
								"application_name is " + result.getString(1));
					}
				}
			}
			must(one.isValid(2) && one.getMetaData().getTables(null, null, "%", null) != null, "");
		}
	}

	private static void threads() throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(20);
		List<Future<Boolean>> all = new ArrayList<>();
		for (int worker = 0; worker < 20; worker++) {
			String name = "worker " + worker;
			Callable<Boolean> work = () -> {
				try (Connection connection = connect("&prepareThreshold=2")) {
					for (int turn = 0; turn < 100; turn++) {
						same(connection, name + "." + turn % 6, turn);
					}
				}
				return true;
			};
			all.add(pool.submit(work));
		}
		for (Future<Boolean> one : all) {
			one.get();
		}
		pool.shutdown();
	}

	private static Connection console(String options) throws SQLException {
		return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:"
				+ System.getenv("POOLER_PORT") + "/pgcarwash?user=admin&sslmode=disable" + options);
	}

	// The value beside key in a SHOW of two or more columns.
	private static String setting(Connection console, String show, String key) throws SQLException {
		try (Statement statement = console.createStatement();
				ResultSet result = statement.executeQuery(show)) {
			while (result.next()) {
				if (key.equals(result.getString(1))) {
					return result.getString(2);
				}
			}
		}
		return null;
	}

	private static void consoleTypes(String options) throws Exception {
		try (Connection client = connect(""); Connection console = console(options)) {
			must(number(client, "select 1") == 1, "client");
			for (int turn = 0; turn < 8; turn++) {
				try (PreparedStatement statement = console.prepareStatement("SHOW POOLS");
						ResultSet result = statement.executeQuery()) {
					int column = result.findColumn("cl_active");
					must(result.getMetaData().getColumnType(column) == Types.INTEGER, "int4");
					must(result.getMetaData().getColumnType(1) == Types.VARCHAR, "text");
					int pools = 0;
					for (; result.next(); pools++) {
						must(result.getObject(column) instanceof Integer, "an Integer");
						must(result.getObject(1) instanceof String, "a String");
					}
					must(pools >= 2, "only " + pools + " pools");
				}
				try (Statement statement = console.createStatement();
						ResultSet result = statement.executeQuery("SHOW STATS")) {
					must(result.next(), "no row");
					must(result.getObject("total_query_count") instanceof BigDecimal, "a BigDecimal");
					must(result.getLong("total_query_count") >= 0, "a count");
				}
			}
		}
	}

	private static void consoleTypes() throws Exception {
		for (String options : new String[] {"", "&preferQueryMode=simple", "&prepareThreshold=1",
				"&prepareThreshold=-1"}) {
			consoleTypes(options);
		}
	}

	private static void consoleSteers() throws Exception {
		try (Connection console = console("&prepareThreshold=1"); Connection client = connect("");
				Statement statement = console.createStatement()) {
			must(console.isValid(5), "not valid");
			must(!statement.execute("PAUSE app"), "PAUSE has a result");
			ExecutorService other = Executors.newSingleThreadExecutor();
			Future<Long> waits = other.submit(() -> number(client, "select 7"));
			Thread.sleep(300);
			must(!waits.isDone(), "PAUSE holds nobody");
			statement.execute("RESUME app");
			must(waits.get() == 7, "wrong value");
			other.shutdown();
			for (int turn = 1; turn < 8; turn++) {
				statement.execute("SET query_wait_timeout = " + turn);
				must(("" + turn).equals(setting(console, "SHOW CONFIG", "query_wait_timeout")), "SET");
			}
			statement.execute("RELOAD");
			must("20".equals(setting(console, "SHOW CONFIG", "query_wait_timeout")), "RELOAD");
			fails("08P01", () -> statement.execute("PAUSE nowhere"));
			fails("08P01", () -> statement.executeQuery("SHOW NONSENSE"));
			must(setting(console, "SHOW STATE", "paused").equals("no"), "state after errors");
			console.setAutoCommit(false);
			must(setting(console, "SHOW LISTS", "databases") != null, "no lists");
			console.commit();
			console.setAutoCommit(true);
			must(number(client, "select 8") == 8, "client");
		}
	}

	// ---- through an entry that splits: place() tells where a query ran ----

	private static final String PRIMARY = "node0";
	private static final String REPLICA = "node1";

	private static String place(Connection connection) throws SQLException {
		try (Statement statement = connection.createStatement();
				ResultSet result = statement.executeQuery("select place()")) {
			result.next();
			return result.getString(1);
		}
	}

	private static void ranAt(String wanted, Connection connection) throws SQLException {
		String found = place(connection);
		must(wanted.equals(found), "on " + found + ", not " + wanted);
	}

	// Until the replica has what this client wrote.
	private static void settles(Connection connection) throws Exception {
		for (int turn = 0; turn < 200 && !REPLICA.equals(place(connection)); turn++) {
			Thread.sleep(20);
		}
		ranAt(REPLICA, connection);
	}

	private static void readOnly(String options) throws Exception {
		try (Connection connection = connect(options)) {
			settles(connection);
			connection.setReadOnly(true);
			ranAt(REPLICA, connection);
			connection.setAutoCommit(false);
			for (int turn = 0; turn < 8; turn++) {
				ranAt(REPLICA, connection);
				must(number(connection, "select count(*) from pg_class") > 0, "no rows");
				Savepoint point = connection.setSavepoint();
				fails("25006", () -> connection.createStatement()
						.execute("create table jdbc_never (a int)"));
				connection.rollback(point);
				ranAt(REPLICA, connection);
				connection.commit();
			}
			connection.setReadOnly(false);
			for (int turn = 0; turn < 8; turn++) {
				ranAt(PRIMARY, connection);
				connection.commit();
			}
			connection.setAutoCommit(true);
			settles(connection);
		}
	}

	private static void readsFollowWrites() throws Exception {
		try (Connection connection = connect("&prepareThreshold=1");
				Statement statement = connection.createStatement()) {
			statement.execute("create table jdbc_split (a int)");
			try (PreparedStatement insert = connection.prepareStatement(
						"insert into jdbc_split values (?)");
					PreparedStatement count = connection.prepareStatement(
						"select count(*) from jdbc_split")) {
				for (int turn = 1; turn <= 50; turn++) {
					insert.setInt(1, turn);
					must(insert.executeUpdate() == 1, "not inserted");
					try (ResultSet result = count.executeQuery()) {
						result.next();
						must(result.getInt(1) == turn, "stale");
					}
				}
				settles(connection);
				try (ResultSet result = count.executeQuery()) {
					result.next();
					must(result.getInt(1) == 50, "stale on the replica");
				}
			}
			statement.execute("drop table jdbc_split");
		}
	}

	private static void readOnlyFetchSize() throws Exception {
		try (Connection connection = connect("")) {
			connection.setReadOnly(true);
			connection.setAutoCommit(false);
			for (int turn = 0; turn < 8; turn++) {
				try (PreparedStatement statement = connection.prepareStatement(
						"select n, place() from generate_series(1, ?) n")) {
					statement.setFetchSize(50);
					statement.setInt(1, 500);
					int expected = 0;
					ResultSet result = statement.executeQuery();
					while (result.next()) {
						must(result.getInt(1) == ++expected, "wrong row");
						must(REPLICA.equals(result.getString(2)), "place");
					}
					must(expected == 500, expected + " rows");
				}
				connection.commit();
			}
		}
	}

	private static void run(String name, Case work) {
		try {
			work.run();
			System.out.println("ok " + name);
		} catch (Throwable trouble) {
			String text = String.valueOf(trouble).replaceAll("\\s+", " ");
			System.out.println("not ok " + name + ": " + text);
		}
	}

	public static void main(String[] arguments) {
		run("prepared", Jdbc::prepared);
		run("many statements", Jdbc::manyStatements);
		run("query modes", Jdbc::queryModes);
		run("types", Jdbc::types);
		run("transactions", Jdbc::transactions);
		run("autosave", Jdbc::autosave);
		run("errors", Jdbc::errors);
		run("batch", Jdbc::batch);
		run("fetch size", Jdbc::fetchSize);
		run("copy", Jdbc::copy);
		run("timeout", Jdbc::timeout);
		run("settings", Jdbc::settings);
		run("threads", Jdbc::threads);
		if ("pgcarwash".equals(System.getenv("POOLER_KIND"))) {
			run("console types", Jdbc::consoleTypes);
			run("console steers", Jdbc::consoleSteers);
		}
		if (System.getenv("POOLER_SPLITS") != null) {
			run("read only", () -> readOnly(""));
			run("read only, prepared", () -> readOnly("&prepareThreshold=1"));
			run("read only, always", () -> readOnly("&readOnlyMode=always"));
			run("read only, simple", () -> readOnly("&preferQueryMode=simple"));
			run("reads follow writes", Jdbc::readsFollowWrites);
			run("read only, fetch size", Jdbc::readOnlyFetchSize);
		}
		System.exit(0);
	}
}
