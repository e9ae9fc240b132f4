"""The debuggee of the tests: it tells its environment, and starts a child when told to."""
import os
import subprocess
import sys

for name in ("FROM_POD", "FROM_USER", "BOTH", "GONE", "HOME"):
    print(f"env {name}={os.environ.get(name)!r}")
answer = 42
print("answer", answer)  # line 9: breakpoint
if os.environ.pop("APP_CHILD", None):
    child = subprocess.run([sys.executable, __file__], check=False)
    print("the child has ended with", child.returncode)
sys.exit(3)
