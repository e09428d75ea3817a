/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM xen_tsc

#if !defined(_TRACE_XEN_TSC_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_XEN_TSC_H

#include <linux/tracepoint.h>

/* sched_clock continues at @value (ns), @offset below its source */
TRACE_EVENT(xen_sched_clock_resume,
	    TP_PROTO(bool tsc, u64 value, u64 offset),

	    TP_ARGS(tsc, value, offset),

	    TP_STRUCT__entry(__field(bool, tsc)
			     __field(u64, value)
			     __field(u64, offset)
	    ),

	    TP_fast_assign(__entry->tsc = tsc;
			   __entry->value = value;
			   __entry->offset = offset;
	    ),

	    TP_printk("source=%s value=%llu offset=%lld",
		      __entry->tsc ? "TSC" : "pvclock", __entry->value,
		      (s64)__entry->offset)
);

/* The watchdog has compared both clocks; comes with each timer interrupt */
TRACE_EVENT(xen_tsc_sample,
	    TP_PROTO(u64 tsc, u64 pvclock, s64 skew),

	    TP_ARGS(tsc, pvclock, skew),

	    TP_STRUCT__entry(__field(u64, tsc)
			     __field(u64, pvclock)
			     __field(s64, skew)
	    ),

	    TP_fast_assign(__entry->tsc = tsc;
			   __entry->pvclock = pvclock;
			   __entry->skew = skew;
	    ),

	    TP_printk("tsc=%llu pvclock=%llu skew=%lld",
		      __entry->tsc, __entry->pvclock, __entry->skew)
);

/* The TSC was demoted: sched_clock continues at @value (ns), on the pvclock */
TRACE_EVENT(xen_tsc_demote,
	    TP_PROTO(u64 value, s64 skew),

	    TP_ARGS(value, skew),

	    TP_STRUCT__entry(__field(u64, value)
			     __field(s64, skew)
	    ),

	    TP_fast_assign(__entry->value = value;
			   __entry->skew = skew;
	    ),

	    TP_printk("value=%llu skew=%lld",
		      __entry->value, __entry->skew)
);

#endif /* _TRACE_XEN_TSC_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
