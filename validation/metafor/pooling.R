# Every estimator x test x data set of metafor's rma.uni, as JSON on stdout. See README.md.
suppressMessages({library(metafor); library(metadat); library(jsonlite)})

smd <- function(d) escalc("SMD", m1i=m1i, sd1i=sd1i, n1i=n1i, m2i=m2i, sd2i=sd2i, n2i=n2i, data=d)
sets <- list(
  bcg_rr = list(escalc("RR", ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg), "Colditz 1994, JAMA 271:698", c("ablat","year")),
  bcg_or = list(escalc("OR", ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg), "Colditz 1994, JAMA 271:698", "ablat"),
  bcg_rd = list(escalc("RD", ai=tpos, bi=tneg, ci=cpos, di=cneg, data=dat.bcg), "Colditz 1994, JAMA 271:698", "ablat"),
  normand1999_md = list(escalc("MD", m1i=m1i, sd1i=sd1i, n1i=n1i, m2i=m2i, sd2i=sd2i, n2i=n2i, data=dat.normand1999), "Normand 1999, Stat Med 18:321", NULL),
  normand1999_smd = list(smd(dat.normand1999), "Normand 1999, Stat Med 18:321", NULL),
  raudenbush1985 = list(dat.raudenbush1985, "Raudenbush & Bryk 1985, J Educ Stat 10:75", "weeks"),
  hackshaw1998 = list(dat.hackshaw1998, "Hackshaw 1998, Stat Methods Med Res 7:119", NULL),
  bangertdrowns2004 = list(dat.bangertdrowns2004[!is.na(dat.bangertdrowns2004$length),], "Bangert-Drowns 2004, Rev Educ Res 74:29", "length"),
  collins1985a = list(escalc("OR", ai=b.xti, n1i=nti, ci=b.xci, n2i=nci, data=dat.collins1985a[!is.na(dat.collins1985a$b.xti),]), "Collins 1985, BMJ 290:17", NULL),
  collins1985b = list(escalc("OR", ai=pre.xti, n1i=pre.nti, ci=pre.xci, n2i=pre.nci, data=dat.collins1985b), "Collins 1985, BMJ 290:17", NULL),
  egger2001 = list(escalc("OR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.egger2001), "Egger 2001, Systematic Reviews in Health Care", NULL),
  li2007 = list(escalc("OR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.li2007), "Li 2007, Int J Cardiol 117:286", NULL),
  hine1989 = list(escalc("RD", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.hine1989), "Hine 1989, Arch Intern Med 149:2694", NULL),
  hart1999 = list(escalc("IRR", x1i=x1i, x2i=x2i, t1i=t1i, t2i=t2i, data=dat.hart1999), "Hart 1999, Ann Intern Med 131:492", NULL),
  nielweise2007 = list(escalc("OR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.nielweise2007), "Niel-Weise 2007, Crit Care Med 35:262", NULL),
  nielweise2008 = list(escalc("IRR", x1i=x1i, x2i=x2i, t1i=t1i, t2i=t2i, data=dat.nielweise2008), "Niel-Weise 2008, J Antimicrob Chemother 61:1195", NULL),
  yusuf1985 = list(escalc("OR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=subset(dat.yusuf1985, table=="6")), "Yusuf 1985, Prog Cardiovasc Dis 27:335", NULL),
  mcdaniel1994 = list(escalc("ZCOR", ri=ri, ni=ni, data=dat.mcdaniel1994[1:60,]), "McDaniel 1994, J Appl Psychol 79:599 (first 60)", NULL),
  molloy2014 = list(escalc("ZCOR", ri=ri, ni=ni, data=dat.molloy2014), "Molloy 2014, Ann Behav Med 47:125", c("meanage")),
  cohen1981 = list(escalc("ZCOR", ri=ri, ni=ni, data=dat.cohen1981), "Cohen 1981, Rev Educ Res 51:281", NULL),
  curtis1998 = list(escalc("ROM", m1i=m2i, sd1i=sd2i, n1i=n2i, m2i=m1i, sd2i=sd1i, n2i=n1i, data=dat.curtis1998[1:40,]), "Curtis & Wang 1998, Oecologia 113:299 (first 40)", NULL),
  linde2005 = list(escalc("RR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.linde2005), "Linde 2005, Cochrane CD000448", NULL),
  bourassa1996 = list(escalc("OR", ai=lh.le, bi=lh.re, ci=rh.le, di=rh.re, data=dat.bourassa1996[1:47,], add=1/2, to="all"), "Bourassa 1996, J Clin Exp Neuropsychol (first 47)", NULL),
  viechtbauer2021 = list(escalc("OR", ai=xTi, n1i=nTi, ci=xCi, n2i=nCi, add=1/2, to="all", data=dat.viechtbauer2021), "Viechtbauer 2021, Handbook of Meta-Analysis ch 11", "dose"),
  lee2004 = list(escalc("OR", ai=ai, n1i=n1i, ci=ci, n2i=n2i, data=dat.lee2004), "Lee & Done 2004, Cochrane CD003281", NULL),
  pritz1997 = list(escalc("PLO", xi=xi, ni=ni, data=dat.pritz1997), "Pritz 1997, J Neurosurg", NULL)
)

methods <- c("CE","DL","HE","HS","SJ","ML","REML","EB","PM")
tests <- c("z","t","knha","adhoc")
tight <- list(threshold=1e-13, maxiter=20000, stepadj=0.5, tol=1e-15, tau2.max=1000)

fit <- function(yi, vi, X, method, test) {
  args <- list(yi=yi, vi=vi, method=ifelse(method=="CE","EE",method), test=test, control=tight)
  if (!is.null(X)) args$mods <- X
  f <- try(suppressWarnings(do.call(rma, args)), silent=TRUE)
  # Fisher scoring sometimes fails; the message is part of the comparison
  if (inherits(f, "try-error")) return(list(failed=as.character(attr(f,"condition")$message)))
  out <- list(beta=c(f$beta), se=f$se, pval=f$pval, ci_low=f$ci.lb, ci_high=f$ci.ub, tau2=f$tau2, q=f$QE, q_p=f$QEp,
              i2=f$I2, h2=f$H2, loglik=unname(c(logLik(f))))
  if (method != "CE") out$tau2_se <- f$se.tau2
  if (is.null(X)) { p <- predict(f); out$prediction_low <- p$pi.lb; out$prediction_high <- p$pi.ub }
  else { out$qm <- f$QM; out$qm_p <- f$QMp; if (method != "CE") out$r2 <- f$R2 }
  out
}

answer <- list(r=R.version.string, metafor=as.character(packageVersion("metafor")), metadat=as.character(packageVersion("metadat")),
  control=tight, sets=list())
for (name in names(sets)) {
  d <- sets[[name]][[1]]
  keep <- !is.na(d$yi) & !is.na(d$vi) & d$vi > 0
  mods <- sets[[name]][[3]]
  if (!is.null(mods)) keep <- keep & complete.cases(as.data.frame(d)[,mods,drop=FALSE])
  d <- d[keep,]
  yi <- as.numeric(d$yi); vi <- as.numeric(d$vi)
  X <- if (is.null(mods)) NULL else as.matrix(as.data.frame(d)[,mods,drop=FALSE])
  fits <- list(); regs <- list()
  for (m in methods) for (t in tests) {
    fits[[paste(m,t)]] <- fit(yi, vi, NULL, m, t)
    if (!is.null(X)) regs[[paste(m,t)]] <- fit(yi, vi, X, m, t)
  }
  ci <- confint(rma(yi, vi, method="DL"), control=list(tol=1e-14, maxiter=10000, tau2.max=1e4))$random
  entry <- list(source=sets[[name]][[2]], yi=yi, vi=vi, fits=fits,
    q_profile=list(tau2_low=ci[1,2], tau2_high=ci[1,3], i2_low=ci[3,2], i2_high=ci[3,3], h2_low=ci[4,2], h2_high=ci[4,3]))
  if (!is.null(X)) { entry$X <- unname(X); entry$regressions <- regs }
  answer$sets[[name]] <- entry
}
cat(toJSON(answer, digits=NA, auto_unbox=TRUE, null="null", na="null"))
