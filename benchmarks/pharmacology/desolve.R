# Reads one row of parameters a person, solves each with compiled right-hand side, writes the last person's curve.
library(deSolve)
arguments <- commandArgs(trailingOnly = TRUE)
dyn.load(arguments[1])
people <- as.matrix(read.csv(arguments[2]))
times <- seq(0, 240, by = 1)
solve_one <- function(row)
  lsoda(c(0, 0, 0, 0), times, func = "derivs", parms = people[row, ], dllname = "people", initfunc = "initmod",
        rtol = 1e-8, atol = 1e-10, tcrit = NULL)
invisible(solve_one(1))
clock <- system.time(for (row in seq_len(nrow(people))) last <- solve_one(row))
took <- clock[["user.self"]] + clock[["sys.self"]]
write.csv(last, arguments[3], row.names = FALSE)
cat(took / nrow(people), as.character(packageVersion("deSolve")), "\n")
