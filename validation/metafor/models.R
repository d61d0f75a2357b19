# Multilevel, multivariate, robust, small-study, influence, network and effect-size results of metafor and clubSandwich.
suppressMessages({library(metafor); library(metadat); library(clubSandwich); library(jsonlite)})
answer <- list(r=R.version.string, metafor=as.character(packageVersion("metafor")),
  metadat=as.character(packageVersion("metadat")), clubSandwich=as.character(packageVersion("clubSandwich")))
tight <- list(optimizer="optim", optmethod="BFGS", reltol=1e-15, maxit=10000)

mv <- function(f) list(beta=c(f$beta), se=f$se, pval=f$pval, sigma2=f$sigma2, tau2=f$tau2, rho=f$rho, gamma2=f$gamma2,
  loglik=c(logLik(f)), qe=f$QE, qm=f$QM, qm_p=f$QMp, ci_low=f$ci.lb, ci_high=f$ci.ub)
cr <- function(f, cluster) { out <- list()
  for (k in c("CR0","CR1","CR2")) { t <- coef_test(f, vcov=k, cluster=cluster, test="Satterthwaite")
    out[[k]] <- list(se=t$SE, df=t$df, p=t$p_Satt) }
  out }

d <- dat.konstantopoulos2011
k1 <- rma.mv(yi, vi, random=~1|district/school, data=d, control=tight)
k2 <- rma.mv(yi, vi, random=~1|district/school, data=d, method="ML", control=tight)
k3 <- rma.mv(yi, vi, mods=~year, random=~1|district/school, data=d, test="t", control=tight)
answer$konstantopoulos2011 <- list(source="Konstantopoulos 2011, Res Synth Methods 2:61", yi=as.numeric(d$yi), vi=d$vi, district=d$district, school=d$school,
  year=d$year, reml=mv(k1), ml=mv(k2), year_t=mv(k3), robust=cr(k1, d$district), robust_year=cr(k3, d$district))
V <- vcalc(vi, cluster=district, obs=school, rho=0.4, data=d)
k4 <- rma.mv(yi, V, random=~1|district/school, data=d, control=tight)
answer$konstantopoulos2011$rho04 <- mv(k4); answer$konstantopoulos2011$robust_rho04 <- cr(k4, d$district)

d <- dat.assink2016
a1 <- rma.mv(yi, vi, random=~1|study/esid, data=d, control=tight)
a2 <- rma.mv(yi, vi, mods=~pubstatus+year, random=~1|study/esid, data=d, control=tight)
answer$assink2016 <- list(source="Assink & Wibbelink 2016, Quant Methods Psychol 12:154", yi=d$yi, vi=d$vi, study=d$study, esid=d$esid,
  pubstatus=d$pubstatus, year=d$year, reml=mv(a1), mods=mv(a2), robust=cr(a1, d$study), robust_mods=cr(a2, d$study))

d <- dat.berkey1998
V <- bldiag(lapply(split(d[,c("v1i","v2i")], d$trial), as.matrix))
b <- list()
for (s in c("UN","HCS","CS","DIAG")) for (m in c("REML","ML"))
  b[[paste(s,m)]] <- mv(rma.mv(yi, V, mods=~outcome-1, random=~outcome|trial, struct=s, data=d, method=m, control=tight))
answer$berkey1998 <- list(source="Berkey 1998, Stat Med 17:2537", yi=d$yi, V=V, trial=d$trial, outcome=as.character(d$outcome), fits=b)

d <- escalc("RR", ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg)
f <- rma(yi, vi, mods=~ablat, data=d, control=list(threshold=1e-13, maxiter=10000))
answer$bcg_robust <- list(alloc=d$alloc, robust=cr(f, d$alloc), robust_trial=cr(f, d$trial))

small <- function(yi, vi) {
  f <- rma(yi, vi, control=list(threshold=1e-13, maxiter=10000))
  e1 <- regtest(f, model="lm"); e2 <- regtest(f, model="rma"); r <- ranktest(f)
  out <- list(lm=list(z=e1$zval, p=e1$pval, est=e1$est, lo=e1$ci.lb, hi=e1$ci.ub), rma=list(z=e2$zval, p=e2$pval, est=c(e2$est), lo=c(e2$ci.lb), hi=c(e2$ci.ub)),
    rank=list(tau=unname(r$tau), p=r$pval))
  for (e in c("L0","R0","Q0")) { t <- try(trimfill(f, estimator=e, control=list(threshold=1e-13, maxiter=10000)), silent=TRUE)
    if (!inherits(t,"try-error")) out$trimfill[[e]] <- list(k0=t$k0, side=t$side, beta=c(t$beta), se=t$se, tau2=t$tau2) }
  l <- leave1out(f); cu <- cumul(f); inf <- influence(f)$inf
  out$leave1out <- list(estimate=l$estimate, se=l$se, p=l$pval, tau2=l$tau2, q=l$Q)
  out$cumul <- list(estimate=cu$estimate[-1], se=cu$se[-1], tau2=cu$tau2[-1])
  out$influence <- as.list(as.data.frame(inf)[,c("rstudent","dffits","cook.d","cov.r","tau2.del","QE.del","hat")])
  w <- lm(yi ~ sqrt(vi), weights=1/vi); p <- lm(yi ~ vi, weights=1/vi)
  out$pet <- unname(summary(w)$coefficients[1,]); out$peese <- unname(summary(p)$coefficients[1,])
  out
}
oo <- escalc("OR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.egger2001)
answer$small_study <- list(bcg_rr=small(d$yi, d$vi), hackshaw1998=small(dat.hackshaw1998$yi, dat.hackshaw1998$vi),
  raudenbush1985=small(dat.raudenbush1985$yi, dat.raudenbush1985$vi), egger2001=small(oo$yi, oo$vi))

sel <- function(yi, vi, steps, alt) { f <- rma(yi, vi, method="ML", control=list(threshold=1e-13, maxiter=10000))
  s <- selmodel(f, type="stepfun", steps=steps, alternative=alt, control=list(optimizer="optim", optmethod="BFGS", reltol=1e-15, maxit=10000))
  list(steps=steps, alternative=alt, beta=c(s$beta), se=s$se, tau2=s$tau2, delta=s$delta, delta_se=s$se.delta, loglik=c(logLik(s)), lrt=s$LRT, lrt_p=s$LRTp) }
answer$selection <- list(hackshaw1998=list(sel(dat.hackshaw1998$yi, dat.hackshaw1998$vi, .025, "greater"), sel(dat.hackshaw1998$yi, dat.hackshaw1998$vi, c(.05,.10,.50), "greater")),
  bcg_rr=list(sel(d$yi, d$vi, .025, "less")))

s <- dat.senn2013
s <- s[order(s$study, s$treatment),]
s <- escalc("MN", mi=mi, sdi=sdi, ni=ni, data=s)
s$treatment <- relevel(factor(s$treatment), ref="placebo")
n0 <- rma.mv(yi, vi, mods=~study+treatment-1, data=s)
n1 <- rma.mv(yi, vi, mods=~study+treatment-1, random=~treatment|study, rho=1/2, data=s, control=tight)
pick <- grepl("^treatment", names(coef(n0)))
answer$senn2013 <- list(source="Senn 2013, Stat Methods Med Res 22:169", study=s$study, treatment=as.character(s$treatment), mi=s$mi, sdi=s$sdi, ni=s$ni,
  common=list(names=sub("treatment","",names(coef(n0))[pick]), beta=unname(coef(n0)[pick]), se=n0$se[pick], q=n0$QE, df=n0$k-n0$p),
  arms_reml=list(beta=unname(coef(n1)[pick]), se=n1$se[pick], tau2=n1$tau2, loglik=c(logLik(n1))))
pw <- pairwise <- NULL
# the same network as contrasts, so that the REML degrees of freedom are those of a contrast model
con <- do.call(rbind, lapply(split(s, s$study), function(a) { r <- a[1,]; data.frame(study=a$study[-1], t1=as.character(a$treatment[-1]), t2=as.character(r$treatment),
  yi=a$mi[-1]-r$mi, v=a$sdi[-1]^2/a$ni[-1], v0=r$sdi^2/r$ni) }))
V <- bldiag(lapply(split(con, con$study), function(a) diag(a$v, nrow(a)) + a$v0[1]))
con <- con[order(match(con$study, names(split(con,con$study)))),]
tr <- setdiff(sort(unique(c(con$t1,con$t2))), "placebo")
X <- sapply(tr, function(t) (con$t1==t) - (con$t2==t))
con$row <- seq_len(nrow(con))
n2 <- rma.mv(con$yi, V, mods=X, intercept=FALSE, random=list(~factor(row)|study), struct="CS", rho=1/2, data=con, control=tight)
answer$senn2013$contrast_reml <- list(names=tr, beta=c(n2$beta), se=n2$se, tau2=n2$tau2, q=n2$QE, loglik=c(logLik(n2)))
n3 <- rma.mv(con$yi, V, mods=X, intercept=FALSE, random=list(~factor(row)|study), struct="CS", rho=1/2, data=con, method="ML", control=tight)
answer$senn2013$contrast_ml <- list(beta=c(n3$beta), se=n3$se, tau2=n3$tau2)

m <- data.frame(m1=c(10,14.2,8),s1=c(3,5.1,2),n1=c(20,33,9),m2=c(12,13,11.5),s2=c(4,4.4,2.2),n2=c(22,31,11),r=c(.5,.3,.7))
t <- data.frame(a=c(3,0,5,12),n1=c(20,15,30,12),c=c(7,2,5,6),n2=c(21,14,29,11))
e <- function(f) { x <- f; list(yi=as.numeric(x$yi), vi=as.numeric(x$vi)) }
mm <- function(k) e(escalc(k, m1i=m1,sd1i=s1,n1i=n1,m2i=m2,sd2i=s2,n2i=n2,data=m))
tt <- function(k, ...) e(escalc(k, ai=a,n1i=n1,ci=c,n2i=n2,data=t, ...))
answer$escalc <- list(means=m, counts=t, MD=mm("MD"), SMD=mm("SMD"), ROM=mm("ROM"), RR=tt("RR"), OR=tt("OR"), RD=tt("RD"), AS=tt("AS"), PETO=tt("PETO", to="none"),
  RR_all=tt("RR", to="all"), OR_all=tt("OR", to="all"), OR_none=e(escalc("OR", ai=a,n1i=n1,ci=c,n2i=n2,data=t[c(1,3),])),
  ZCOR=e(escalc("ZCOR", ri=c(.5,-.2,.91), ni=c(20,44,10))), PLO=e(escalc("PLO", xi=c(0,3,20), ni=c(10,12,20))),
  MC=e(escalc("MC", m1i=m2,m2i=m1,sd1i=s2,sd2i=s1,ni=n1,ri=r,data=m)), SMCR=e(escalc("SMCR", m1i=m2,m2i=m1,sd1i=s1,ni=n1,ri=r,data=m)),
  SMCC=e(escalc("SMCC", m1i=m2,m2i=m1,sd1i=s1,sd2i=s2,ni=n1,ri=r,data=m)))
cat(toJSON(answer, digits=NA, auto_unbox=TRUE, null="null", na="null"))
