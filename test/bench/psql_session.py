"""psql_session.py - one psql process as a session that answers statement by statement, with times."""
import subprocess
import time


class Session:
    """Rows come back as text, unaligned; a statement that fails raises RuntimeError."""

    MARK = "--- end of statement ---"

    def __init__(self, **settings):
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=0"],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True, bufsize=1)
        for name, value in settings.items():
            self.run(f"SET {name} = '{value}'")

    def run(self, sql):
        """The lines of the answer."""
        self.psql.stdin.write(f"{sql};\n\\echo :ERROR\n\\echo '{self.MARK}'\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line.rstrip("\n") == self.MARK:
                break
            lines.append(line.rstrip("\n"))
        if not lines or lines.pop() != "false":
            raise RuntimeError(f"{sql}\n" + "\n".join(lines))
        return lines

    def seconds(self, sql):
        begin = time.monotonic()
        self.run(sql)
        return time.monotonic() - begin

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()
