"""The work of evaluations: records read, models asked, answers judged. Resumed answer by answer."""
