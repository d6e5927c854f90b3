// Everything that draws: its libraries take half a second to load, so those who need it import this module when they do.

export { drawFigure1 } from '../experiments/figure1.ts';
export { comparison } from '../report/comparison.ts';
export { costCurves } from '../report/cost-curves.ts';
export { learningCurves } from '../report/learning-curves.ts';
export { createDocument } from './document.ts';
export { svgToPng } from './png.ts';
