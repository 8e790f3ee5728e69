# SPDX-License-Identifier: GPL-3.0-or-later
# accuracy-predicted: the total time that was predicted for each migration, against what was measured. Draws
# accuracy-predicted.svg and .png from accuracy-predicted.csv, which `make accuracy` writes; run it again with
# `gnuplot accuracy-predicted.gp` in that folder. The colours are Okabe and Ito's, the points differ as well.

set encoding utf8
set datafile separator ','
data = 'accuracy-predicted.csv'

grey = 0x555555
array sorts[6] = ['idle', 'uniform', 'hotcold', 'zipf', 'sequential', 'several at once']
array ink[6] = [0x000000, 0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00]
array sign[6] = [1, 6, 8, 4, 12, 2]

# How far the axes go; nothing to draw is drawn all the same.
least = 1e9
most = 0
migrations = 0
range_add(a, b) = (migrations = migrations + 1, \
    least = a < least ? a : least, least = b < least ? b : least, \
    most = a > most ? a : most, most = b > most ? b : most, 0)
set table $NOTHING
plot data skip 1 using (range_add($2, $4)) with table
unset table
if (migrations == 0) {
    least = 1
    most = 10
}
least = least / 1.15
most = most * 1.15

wide = 860
high = 640

set border 3 linecolor rgb grey
set grid xtics ytics back linecolor rgb 0xDDDDDD linetype 1
set key outside right top Left reverse samplen 1 noenhanced width 1
set logscale xy 10
set xrange [least:most]
set yrange [least:most]
ticks = ''
do for [tick in '0.5 1 2 3 5 10 20 30 50 100 200 300 500 1000 2000'] {
    if (tick + 0 >= least && tick + 0 <= most) {
        ticks = ticks.(strlen(ticks) ? ', ' : '').sprintf('"%s" %s', tick, tick)
    }
}
set xtics out nomirror scale 0.5 textcolor rgb grey
set ytics out nomirror scale 0.5 textcolor rgb grey
eval 'set xtics ('.ticks.')'
eval 'set ytics ('.ticks.')'
set xlabel 'measured, s' textcolor rgb grey
set ylabel 'predicted, s' textcolor rgb grey
title = sprintf('Total time of %d migrations: predicted and measured', migrations)

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'accuracy-predicted.'.form
    set tmargin at screen 1 - 56.0 / high
    set bmargin at screen 56.0 / high
    set lmargin at screen 84.0 / wide
    set rmargin at screen 1 - 230.0 / wide
    set label 1 title at screen 20.0 / wide, screen 1 - 26.0 / high left font ',15'
    plot x with lines linecolor rgb grey title 'as measured', \
        1.1 * x with lines linecolor rgb grey dashtype (4, 3) title '10 % off', \
        x / 1.1 with lines linecolor rgb grey dashtype (4, 3) notitle, \
        for [i = 1:6] data skip 1 using (strcol(1) eq sorts[i] ? $2 : NaN):4:3:5 with yerrorbars \
            pointtype sign[i] pointsize 0.7 linecolor rgb ink[i] notitle, \
        for [i = 1:6] NaN with points pointtype sign[i] pointsize 0.9 linecolor rgb ink[i] title sorts[i], \
        NaN with lines linecolor rgb grey title 'p10 to p90: the bars'
    unset label
    unset output
}
