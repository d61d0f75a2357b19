# Pins what R says about the data sets beside it: survival, nlme, lme4. Run: Rscript validation/registry/oracles.R
suppressMessages({library(survival); library(nlme); library(lme4)})
here <- "validation/registry/oracle_data/"
num <- function(x) paste0("[", paste(sprintf("%.10g", x), collapse = ", "), "]")
out <- list()
d <- read.csv(paste0(here, "times.csv"))
marks <- c(10, 30, 60, 90, 110)
km <- summary(survfit(Surv(day, cause == 1) ~ 1, d, conf.type = "log-log"), times = marks)
out$km <- num(km$surv); out$km_low <- num(km$lower); out$km_high <- num(km$upper); out$km_risk <- num(km$n.risk)
aj <- summary(survfit(Surv(day, factor(cause, 0:2)) ~ 1, d), times = marks)
out$aj_1 <- num(aj$pstate[, 2]); out$aj_2 <- num(aj$pstate[, 3])
i <- read.csv(paste0(here, "intervals.csv"))
tb <- survfit(Surv(left, right, type = "interval2") ~ 1, transform(i, left = ifelse(left == 0, NA, left)))
tbs <- summary(tb, times = c(14, 28, 56, 98, 154))
out$turnbull <- num(tbs$surv)
s <- read.csv(paste0(here, "scores.csv")); s$visit <- factor(s$time)
g <- gls(score ~ visit - 1, s, correlation = corSymm(form = ~ time + 1 | person),
         weights = varIdent(form = ~ 1 | visit), method = "ML",
         control = glsControl(maxIter = 500, msMaxIter = 500, tolerance = 1e-10, msTol = 1e-12))
out$mmrm_mean <- num(coef(g)); out$mmrm_loglik <- num(as.numeric(logLik(g)))
# varBeta of gls carries N / (N - p); without it the ML information.
k <- nrow(s); out$mmrm_se <- num(sqrt(diag(g$varBeta)) * sqrt((k - 4) / k))
m <- lmer(score ~ time + (1 + time | person), s, REML = TRUE,
          control = lmerControl(optCtrl = list(ftol_rel = 1e-14, xtol_rel = 1e-14)))
out$lmer_fixed <- num(fixef(m)); out$lmer_se <- num(sqrt(diag(as.matrix(vcov(m)))))
out$lmer_random <- num(as.numeric(VarCorr(m)$person)); out$lmer_residual <- num(sigma(m)^2)
t <- read.csv(paste0(here, "sites.csv"))
off <- glm(cbind(hits, people - hits) ~ group, binomial, t)
t$offset <- predict(off)
out$glm <- num(coef(off))
r <- glmer(cbind(hits, people - hits) ~ 1 + offset(offset) + (1 | site), t, binomial, nAGQ = 25)
out$glmer_mu <- num(fixef(r)); out$glmer_tau <- num(sqrt(as.numeric(VarCorr(r)$site)))
out$glmer_modes <- num(ranef(r)$site[, 1])
v <- function(p) as.character(packageVersion(p))
cat("{\n", paste0('"', names(out), '": ', unlist(out), collapse = ",\n"), ",\n",
    sprintf('"versions": "R %s, survival %s, nlme %s, lme4 %s"', getRversion(), v("survival"), v("nlme"), v("lme4")),
    "\n}\n", file = "tests/oracles/registry/pins.json")
