# SPDX-License-Identifier: GPL-3.0-or-later
# distribution: how long it takes, in how many of the runs. Draws distribution.svg and distribution.png from
# distribution.csv, which `lockkeeper simulate` and `sweep` write with --plots; run it again with `gnuplot
# distribution.gp` in that folder. On the left the share of the runs that have ended by then, on the right
# (logarithmic) the share that takes longer. The colours are Okabe and Ito's; each curve has its own dash.

set encoding utf8
set datafile separator ','
data = 'distribution.csv'
CURVES_MOST = 7

grey = 0x555555
array ink[7] = [0x000000, 0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0x56B4E9, 0xE69F00]
cut(s, n) = strlen(s) > n ? s[1:n - 1].'…' : s

# How many curves, their labels, the range of times, and the smallest share that takes longer.
curves = 0
most_s = 0
least_s = 1e300
longest = 4
least_share = 1
array labels[CURVES_MOST + 1]
tally(curve, label, t, share) = (curve + 1 > curves ? (curves = curve + 1, labels[curves] = label, \
    longest = strlen(label) > longest ? strlen(label) : longest) : 0, \
    t > most_s ? (most_s = t) : 0, t < least_s ? (least_s = t) : 0, \
    1 - share > 1e-12 && 1 - share < least_share ? (least_share = 1 - share) : 0, curves)
set table $NOTHING
plot data skip 1 using (tally(int($1), strcol(2), $3, $4)) with table
unset table

unit = most_s < 600 ? 's' : most_s < 7200 ? 'min' : 'h'
unit_s = most_s < 600 ? 1.0 : most_s < 7200 ? 60.0 : 3600.0
label_most = longest < 100 ? longest : 100
wide = 1100
legend_high = 24 * curves + 12
top = 56
plot_high = 340
high = curves == 0 ? 140 : top + legend_high + plot_high + 60
title = curves == 0 ? 'Nothing ended as asked' : 'How long it takes'

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'distribution.'.form
    set multiplot
    unset key
    set label 1 title at screen 20.0 / wide, screen 1 - 28.0 / high left font ',15'
    if (curves == 0) {
        unset border
        unset tics
        set xrange [0:1]
        set yrange [0:1]
        plot NaN
    } else {
        do for [i = 1:curves] {
            y = 1 - (top + 8.0 + 24 * (i - 1)) / high
            set arrow i from screen 20.0 / wide, screen y to screen 64.0 / wide, screen y nohead \
                linecolor rgb ink[i] linewidth 2.5 dashtype i
            set label 1 + i cut(labels[i], label_most) at screen 74.0 / wide, screen y left
        }
        set border 3 linecolor rgb grey
        set tmargin at screen 1 - (top + legend_high + 10.0) / high
        set bmargin at screen 56.0 / high
        set tics nomirror out scale 0.5 textcolor rgb grey
        set grid back linecolor rgb 0xDDDDDD linetype 1
        set xlabel 'time, '.unit textcolor rgb grey
        pad = most_s > least_s ? (most_s - least_s) * 0.04 : most_s * 0.1 + 0.1
        set xrange [(least_s - pad < 0 ? 0 : least_s - pad) / unit_s:(most_s + pad) / unit_s]
        set lmargin at screen 76.0 / wide
        set rmargin at screen 520.0 / wide
        set yrange [0:1.02]
        set format y '%.1f'
        set ylabel 'share that has ended' textcolor rgb grey
        plot for [i = 0:curves - 1] data skip 1 using ($1 == i ? $3 / unit_s : NaN):4 with steps \
            linecolor rgb ink[i + 1] linewidth 2.5 dashtype i + 1
        unset label
        unset arrow
        set lmargin at screen 640.0 / wide
        set rmargin at screen (wide - 24.0) / wide
        set logscale y
        set yrange [least_share / 1.5:1.1]
        set format y '%g'
        set ylabel 'share that takes longer' textcolor rgb grey
        plot for [i = 0:curves - 1] data skip 1 using ($1 == i && 1 - $4 > 1e-12 ? $3 / unit_s : NaN): \
            (1 - $4 > 1e-12 ? 1 - $4 : NaN) with steps linecolor rgb ink[i + 1] linewidth 2.5 dashtype i + 1
        unset logscale y
        unset xlabel
        unset ylabel
    }
    unset label
    unset arrow
    unset multiplot
    unset output
}
