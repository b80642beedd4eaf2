//! tau2-bench: airline, retail and telecom as worlds, replayed and scored as the official evaluator does.
