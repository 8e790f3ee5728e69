# SPDX-License-Identifier: GPL-3.0-or-later
# accuracy-error: where the errors of the total time lie, by the guest's law, beside those of simpler rules.
# Draws accuracy-error.svg and .png from accuracy-error.csv, which `make accuracy` writes; run it again with
# `gnuplot accuracy-error.gp` in that folder. The colours are Okabe and Ito's, the points differ as well.

set encoding utf8
set datafile separator ','
data = 'accuracy-error.csv'

grey = 0x555555
MOST = 60
METHODS_MOST = 8
array sorts[6] = ['idle', 'uniform', 'hotcold', 'zipf', 'sequential', 'several at once']
array ink[8] = [0x0072B2, 0x56B4E9, 0x000000, 0xE69F00, 0xD55E00, 0x009E73, 0xCC79A7, 0x555555]
array sign[8] = [7, 6, 2, 8, 10, 4, 12, 1]

# The methods in the file's order.
array methods[METHODS_MOST]
count = 0
known = "\n"
method_add(name) = strstrt(known, "\n".name."\n") || count == METHODS_MOST ? 0 : \
    (count = count + 1, methods[count] = name, known = known.name."\n", count)
set table $NOTHING
plot data skip 1 using (method_add(strcol(2))) with table
unset table

sort_at(name) = (at = 0, sum [i = 1:6] (at = sorts[i] eq name ? i : at), at)
cut(v) = v > MOST ? MOST : v < -MOST ? -MOST : v
STEP = count > 1 ? 0.7 / (count - 1) : 0
x_of(name, i) = sort_at(name) + (count > 1 ? (i - 1) * STEP - 0.35 : 0)
here(name, i) = count > 0 && name eq methods[i]

wide = 1100
high = 560

set border 2 linecolor rgb grey
set grid ytics back linecolor rgb 0xDDDDDD linetype 1
set key outside right top Left reverse samplen 1 noenhanced width 1
set xrange [0.4:6.6]
set yrange [-MOST:MOST]
ticks = ''
do for [i = 1:6] {
    ticks = ticks.(i > 1 ? ', ' : '').sprintf('"%s" %d', sorts[i], i)
}
set xtics scale 0 textcolor rgb grey
eval 'set xtics ('.ticks.')'
set ytics out nomirror scale 0.5 textcolor rgb grey
set format y '%+.0f %%'
set ylabel 'predicted too short (−), too long (+)' textcolor rgb grey
title = sprintf('Error of the total time: median, and the middle eight of ten; cut at %d %%', MOST)

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'accuracy-error.'.form
    set tmargin at screen 1 - 56.0 / high
    set bmargin at screen 44.0 / high
    set lmargin at screen 96.0 / wide
    set rmargin at screen 1 - 250.0 / wide
    set label 1 title at screen 20.0 / wide, screen 1 - 26.0 / high left font ',15'
    plot 0 with lines linecolor rgb grey notitle, \
        for [i = 1:count] data skip 1 using (here(strcol(2), i) ? x_of(strcol(1), i) : NaN):(cut($4)): \
            (0):(cut($6) - cut($4)) with vectors nohead linewidth (i == 1 ? 4 : 2) linecolor rgb ink[i] \
            notitle, \
        for [i = 1:count] data skip 1 using (here(strcol(2), i) ? x_of(strcol(1), i) : NaN):(cut($5)) \
            with points pointtype sign[i] pointsize (i == 1 ? 1.1 : 0.9) linecolor rgb ink[i] notitle, \
        for [i = 1:count] NaN with linespoints linewidth 2 pointtype sign[i] linecolor rgb ink[i] \
            title methods[i]
    unset label
    unset output
}
