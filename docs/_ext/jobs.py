"""The commands of ``.ci/run``, read from CONTRIBUTING.md: ``.. job:: NAME``."""

import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def command_of(job):
    """Return the lines of a job's command."""
    pattern = rf"<!-- job: {re.escape(job)} -->\n```bash\n(.*?)```"
    return re.search(pattern, PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]


class Job(Directive):
    """Writes a job's command as a listing."""

    required_arguments = 1

    def run(self):
        """Return the listing."""
        command = command_of(self.arguments[0]).rstrip()
        self.state.document.settings.env.note_dependency(str(PAGE))
        return [nodes.literal_block(command, command, language="bash")]


def setup(app):
    """Register the directive."""
    app.add_directive("job", Job)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
