# SPDX-License-Identifier: GPL-3.0-or-later
# tornado: which factor matters. Draws tornado.svg and tornado.png from tornado.csv, which `lockkeeper sweep`
# and `simulate` write with --plots; run it again with `gnuplot tornado.gp` in that folder. A bar a factor,
# from the time at its best level to that at its worst, on the average over all others; the widest first. The
# colours are Okabe and Ito's, and what is faster than the average is on the left of the line.

set encoding utf8
set datafile separator ','
data = 'tornado.csv'
ROWS_MOST = 40

grey = 0x555555
blue = 0x0072B2
red = 0xD55E00
cut(s, n) = strlen(s) > n ? s[1:n - 1].'…' : s
seconds(t) = t < 99.95 ? sprintf('%.1f s', t) : t < 600 ? sprintf('%.0f s', t) : \
    t < 7200 ? sprintf('%.0f min', t / 60) : sprintf('%.1f h', t / 3600)

rows = 0
most_s = 0
least_s = 1e300
middle_s = 0
longest = 6
tally(name, low, high, middle) = (rows = rows + 1, high > most_s ? (most_s = high) : 0, \
    low < least_s ? (least_s = low) : 0, middle_s = middle, \
    longest = strlen(name) > longest ? strlen(name) : longest, rows)
set table $NOTHING
plot data skip 1 using (tally(strcol(1), $2, $3, $4)) with table
unset table
shown = rows < ROWS_MOST ? rows : ROWS_MOST

unit = most_s < 600 ? 's' : most_s < 7200 ? 'min' : 'h'
unit_s = most_s < 600 ? 1.0 : most_s < 7200 ? 60.0 : 3600.0
name_most = longest < 36 ? longest : 36
left = 30 + 8 * name_most
wide = left + 860
top = 64
high = rows == 0 ? 140 : top + 46 * shown + 60
span = most_s > least_s ? most_s - least_s : most_s * 0.1 + 0.1
title = rows == 0 ? 'Nothing ended as asked' : 'Which factor matters'

do for [form in 'svg png'] {
    if (form eq 'svg') {
        set terminal svg size wide, high noenhanced font 'sans-serif,13' background '#FFFFFF'
    } else {
        set terminal pngcairo size wide, high noenhanced font 'sans-serif,10' background '#FFFFFF'
    }
    set output 'tornado.'.form
    unset key
    set style fill solid 1.0 noborder
    set label 1 title at screen 20.0 / wide, screen 1 - 28.0 / high left font ',15'
    if (rows == 0) {
        unset border
        unset tics
        set xrange [0:1]
        set yrange [0:1]
        plot NaN
    } else {
        set border 1 linecolor rgb grey
        set lmargin at screen real(left) / wide
        set rmargin at screen (wide - 24.0) / wide
        set tmargin at screen 1 - real(top) / high
        set bmargin at screen 56.0 / high
        set xtics nomirror out scale 0.5 textcolor rgb grey
        unset ytics
        set grid xtics back linecolor rgb 0xDDDDDD linetype 1
        set xlabel 'time, '.unit textcolor rgb grey
        low = (least_s - span * 0.4 < 0 ? 0 : least_s - span * 0.4) / unit_s
        set xrange [low:(most_s + span * 0.4) / unit_s]
        set yrange [shown - 0.5:-0.5]
        set arrow 1 from middle_s / unit_s, graph 0 to middle_s / unit_s, graph 1 nohead linecolor rgb grey \
            dashtype 2 front
        plot data skip 1 every ::0::shown - 1 using (0):0:($2 / unit_s):(($3 < $4 ? $3 : $4) / unit_s): \
                ($0 - 0.3):($0 + 0.3) with boxxyerror linecolor rgb blue, \
            '' skip 1 every ::0::shown - 1 using (0):0:(($2 > $4 ? $2 : $4) / unit_s):($3 / unit_s): \
                ($0 - 0.3):($0 + 0.3) with boxxyerror linecolor rgb red, \
            '' skip 1 every ::0::shown - 1 using ($2 / unit_s):0:(cut(strcol(5), 24).'  '.seconds($2).' ') \
                with labels right, \
            '' skip 1 every ::0::shown - 1 using ($3 / unit_s):0:(' '.seconds($3).'  '.cut(strcol(6), 24)) \
                with labels left, \
            '' skip 1 every ::0::shown - 1 using (low):0:(cut(strcol(1), name_most)) \
                with labels left offset screen -(left - 20.0) / wide, 0
    }
    unset label
    unset arrow
    unset output
}
