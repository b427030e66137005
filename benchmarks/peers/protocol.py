"""The Python side of `npm run bench -- peers`: a line of JSON each way (benchmarks/peer-process.ts says what is asked).

`serve(start)` is given a function that loads the model and returns the versions and a function for each kind of request. stdout is
the protocol's alone: whatever libraries print goes to stderr.
"""

import json
import os
import sys
import traceback


def serve(start):
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(answer):
        answers.write(json.dumps(answer) + "\n")

    try:
        versions, handlers = start()
    except ImportError as error:
        say({"error": f"Python has no {error.name}: pip install -r benchmarks/peers/requirements.txt"})
        return
    except Exception as error:  # the reason is what the table shows
        traceback.print_exc()
        say({"error": reason(error)})
        return
    say({"ready": True, "versions": versions})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            say(handlers[request["do"]](request))
        except Exception as error:
            traceback.print_exc()
            say({"error": reason(error)})


def reason(error):
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else 'no message'}"
